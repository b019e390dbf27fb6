// Internal values of a C simulation for the test bench. In synthesis, and in any build without FOLDLINE_OBSERVE, these
// functions are empty.
#pragma once

#include "types.hpp"

namespace observe {

#ifdef FOLDLINE_OBSERVE
void gate(int direction, int unit, int gate, int raw);  // accumulator of one gate, before any peephole
void hidden(int direction, int unit, int raw);          // hidden output, in order of time steps
void score(int column, int klass, int raw);             // class score of a column
#else
inline void gate(int, int, int, int) {}
inline void hidden(int, int, int) {}
inline void score(int, int, int) {}
#endif

}  // namespace observe
