// Packed words of weights: one word holds all weights that one processing element needs in one cycle.
//
// A word is a few limbs of up to 64 bits, so that the generated ROMs are plain integers, which need no constructors. No
// element lies in two limbs.
#pragma once

#include "types.hpp"

// Element `index` of a word, `Bits` wide. With a constant index, as in an unrolled loop, this is wiring.
template <class Fixed, int Bits, class Limb, int Limbs>
Fixed element(const Limb (&word)[Limbs], int index) {
#pragma HLS inline
  const int per_limb = 8 * sizeof(Limb) / Bits;
  const ap_uint<Bits> bits = ap_uint<Bits>(word[index / per_limb] >> (index % per_limb * Bits));
  return from_bits<Fixed>(bits);
}
