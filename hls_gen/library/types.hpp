// Number formats of the datapath. Every quantity of the network has one type here, and the types do all rounding and
// overflow: AP_RND_ZERO and AP_RND_CONV are to nearest with ties toward zero and to even.
//
// Net is the generated `Network` of config.hpp: dimensions, widths, folding and limits as constants.
#pragma once

#include "config.hpp"  // first: it sets AP_INT_MAX_W, which the headers below read

#include <ap_fixed.h>
#include <ap_int.h>
#include <hls_stream.h>

// Two directions read each line: 0 its columns from left to right, 1 from right to left.
static const int DIRECTIONS = 2;

// Gates in the order in which ROM words and accumulators hold them.
enum Gate { GATE_I, GATE_F, GATE_G, GATE_O, GATES };

typedef ap_uint<64> BusWord;      // one beat of the memory port
typedef ap_uint<16> ColumnCount;  // columns of a line, and steps of time
typedef ap_uint<8> Label;         // a class

typedef ap_fixed<16, 8, AP_RND_ZERO, AP_WRAP> Accumulator;  // product and sum of a gate
typedef ap_fixed<16, 8, AP_RND_CONV, AP_SAT> Cell;          // cell state, i * g, f * c, peephole products and sums
typedef ap_fixed<16, 8, AP_RND_CONV, AP_WRAP> Score;        // product and sum of the output layer
typedef ap_ufixed<7, 1> Sigmoid;                            // a table's output: multiples of 1/64 in 0..1
typedef ap_fixed<8, 2> Tanh;                                // and in -1..1

// Bits of the numbers from 0 to Most.
template <int Most>
struct BitsUpTo {
  static const int value = 1 + BitsUpTo<Most / 2>::value;
};
template <>
struct BitsUpTo<1> {
  static const int value = 1;
};
template <>
struct BitsUpTo<0> {
  static const int value = 1;
};

// A counter of a pipelined loop, from 0 to Values - 1. An `int` would have an adder and a comparator of 32 bits.
template <int Values>
using Counter = ap_uint<BitsUpTo<Values - 1>::value>;

// The next value of a counter, 0 behind its last one; returns whether that was its last one. It is the old value that is
// compared: comparison and addition work at the same time, and only a selection follows them within the cycle.
template <int Values, int Bits>
bool advance(ap_uint<Bits>& counter) {
#pragma HLS inline
  const bool last = counter == Values - 1;
  counter = last ? ap_uint<Bits>(0) : ap_uint<Bits>(counter + 1);
  return last;
}

template <class Net>
struct Types {
  typedef ap_fixed<Net::activation_bits, 1, AP_RND_CONV, AP_SAT> Activation;  // pixel, hidden output
  typedef ap_fixed<Net::weight_bits, 1> Weight;
  typedef ap_fixed<Net::bias_bits + 1, 2> BiasSum;  // both biases of a gate, added by the generator
  typedef ap_fixed<Net::fc_weight_bits, 1> ClassWeight;
  typedef ap_fixed<Net::fc_bias_bits, 1> ClassBias;
  typedef ap_fixed<Net::peephole_bits, Net::peephole_integer_bits> Peephole;

  typedef ap_uint<Net::bus_words_per_column * 64> ColumnWord;      // one column as it lies in memory
  typedef ap_uint<Net::hidden * Net::activation_bits> HiddenWord;  // all hidden outputs of a direction
  typedef ap_uint<Net::pe_out * 16> ScoreWord;                     // scores of one block of classes
};

// A fixed-point value from its bits.
template <class Fixed, int Bits>
Fixed from_bits(const ap_uint<Bits>& bits) {
#pragma HLS inline
  Fixed value;
  value.range(Bits - 1, 0) = bits;
  return value;
}

// Its bits. The range of one value is never assigned to the range of another: compilers differ in whether they copy the
// bits then or the reference.
template <class Fixed>
ap_uint<Fixed::width> bits_of(const Fixed& value) {
#pragma HLS inline
  ap_uint<Fixed::width> bits;
  bits = value.range(Fixed::width - 1, 0);
  return bits;
}

// Its bits as an integer.
template <class Fixed>
int raw_of(const Fixed& value) {
#pragma HLS inline
  ap_int<Fixed::width> raw;
  raw = value.range(Fixed::width - 1, 0);
  return raw;
}

// Value `index` of a word of fixed-point values. With a constant index, as in an unrolled loop, this is wiring.
template <class Fixed, class Word>
Fixed value_of(const Word& word, int index) {
#pragma HLS inline
  const int low = index * Fixed::width;
  const ap_uint<Fixed::width> bits = word.range(low + Fixed::width - 1, low);
  return from_bits<Fixed>(bits);
}

// A word as a shift register: a block of bits enters at the top, the lowest one leaves.
template <int Bits, int BlockBits>
void shift_in(ap_uint<Bits>& word, const ap_uint<BlockBits>& block) {
#pragma HLS inline
  if (Bits > BlockBits) word >>= BlockBits;
  word.range(Bits - 1, Bits - BlockBits) = block;
}

// The score of one class in a block's word.
template <class Word>
ap_int<16> score_of(const Word& word, int lane) {
#pragma HLS inline
  return ap_uint<16>(word.range(16 * lane + 15, 16 * lane));
}

// Best class of a column; value 0 where no score is positive.
struct Best {
  ap_int<16> value;
  Label label;
};
