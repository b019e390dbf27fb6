// Sigmoid and tanh by table: 256 entries each over -5..5 and -3..3; inputs outside are clipped.
//
// The index floor((x + bound) * 255 / (2 * bound)) is one multiplication and one shift on raw values, because
// 255 / (2 * 5 * 2^8) = 51 / 2^9 and 255 / (2 * 3 * 2^8) = 85 / 2^9.
#pragma once

#include "tables.hpp"
#include "types.hpp"

static const int TABLE_ENTRIES = 256;

template <int Bound, int Multiplier, class Fixed>
ap_uint<8> table_index(Fixed value) {
#pragma HLS inline
  ap_int<16> raw;
  raw = value.range(15, 0);
  if (raw <= -Bound) return 0;
  if (raw >= Bound) return TABLE_ENTRIES - 1;
  const ap_uint<12> offset = raw + Bound;
  const ap_uint<19> scaled = offset * ap_uint<7>(Multiplier);
  return scaled >> 9;
}

// The two lookups are not inlined: each call in the same cycle becomes a separate instance with its own ROM, while all
// the reads of one ROM would have to share its two ports.
template <class Fixed>
Sigmoid sigmoid(Fixed value) {
#pragma HLS inline off
#pragma HLS pipeline II = 1
// 256 entries of 7 bits: 28 look-up tables instead of half a block RAM in each of the 3 * PE instances.
#ifdef __VITIS_HLS__
#pragma HLS bind_storage variable = sigmoid_table type = rom_1p impl = lutram
#else
#pragma HLS resource variable = sigmoid_table core = ROM_1P_LUTRAM
#endif
  const ap_uint<7> entry = sigmoid_table[table_index<5 * 256, 51>(value)];
  return from_bits<Sigmoid>(entry);
}

template <class Fixed>
Tanh tanh_of(Fixed value) {
#pragma HLS inline off
#pragma HLS pipeline II = 1
#ifdef __VITIS_HLS__
#pragma HLS bind_storage variable = tanh_table type = rom_1p impl = lutram
#else
#pragma HLS resource variable = tanh_table core = ROM_1P_LUTRAM
#endif
  const ap_uint<8> entry = tanh_table[table_index<3 * 256, 85>(value)];
  return from_bits<Tanh>(entry);
}
