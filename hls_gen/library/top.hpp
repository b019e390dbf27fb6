// The accelerator's function. Its name and its arguments in this order give the published overlay's registers:
//
//   0x00 control   0x10 columns   0x18 columns_twice   0x20 bytes   0x28, 0x2C input_buffer
//   0x34, 0x38 output_buffer
//
// columns          columns T of the line
// columns_twice    2 * T
// bytes            2 * T * bytes of a column
// input_buffer     2 * T column records: direction 0's column t, then direction 1's; pixel r at bit r * activation_bits
//                  (only read; Vivado HLS co-simulates no pointer to const)
// output_buffer    word 0: number of labels, all ones for a line that is refused; then the labels, as many as fit
#pragma once

#include "types.hpp"

void topLevel_BLSTM_CTC(ap_uint<32> columns, ap_uint<32> columns_twice, ap_uint<32> bytes, BusWord* input_buffer,
                        BusWord* output_buffer);
