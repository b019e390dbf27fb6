// The accelerator between its buffers: stages that run concurrently, connected by streams.
#pragma once

#include "hidden_layer.hpp"
#include "join_directions.hpp"
#include "labels.hpp"
#include "output_layer.hpp"

// Columns from memory: direction 0's column t, then direction 1's, for t = 0, 1, ... One burst for the line.
template <class Net>
void read_columns(ColumnCount columns, const BusWord* input, hls::stream<typename Types<Net>::ColumnWord>& pixels) {
  const int words = Net::bus_words_per_column;
  const int beats = int(columns) * (DIRECTIONS * words);
  typename Types<Net>::ColumnWord column = 0;
  Counter<words> word = 0;
WORDS:
  for (int n = 0; n < beats; ++n) {
#pragma HLS loop_tripcount min = 2080 max = 2080
#pragma HLS pipeline II = 1
    shift_in(column, input[n]);
    if (advance<words>(word)) pixels.write(column);
  }
}

// Check of the registers. A line that the buffers cannot hold, or registers that contradict each other, must neither
// overrun a buffer nor leave `ap_done` low: such a line has 0 columns for every stage.
template <class Net>
bool acceptable(ap_uint<32> columns, ap_uint<32> columns_twice, ap_uint<32> bytes) {
#pragma HLS inline
  const ap_uint<32> padded = Net::bus_words_per_column * 8;  // bytes of a column in the buffer, and without padding
  const ap_uint<32> unpadded = (Net::inputs * Net::activation_bits + 7) / 8;
  if (columns == 0 || columns > Net::max_columns || columns_twice != 2 * columns) return false;
  return bytes >= columns_twice * unpadded && bytes <= columns_twice * padded;
}

template <class Net>
void recognise(ColumnCount columns, bool accepted, const BusWord* input, BusWord* output) {
#pragma HLS inline off
#pragma HLS dataflow
  // A chain of stages without feedback: any depth is safe. With the words of two steps a stage can work on one step
  // while its neighbour works on the next; a step has a word of each direction, hence four.
  hls::stream<typename Types<Net>::ColumnWord> pixels;
#pragma HLS stream variable = pixels depth = 4
  hls::stream<typename Types<Net>::HiddenWord> hidden;
#pragma HLS stream variable = hidden depth = 4
  hls::stream<typename Types<Net>::ScoreWord> halves;
#pragma HLS stream variable = halves depth = 4
  hls::stream<typename Types<Net>::ScoreWord> scores;
#pragma HLS stream variable = scores depth = 4
  hls::stream<Best> best;
#pragma HLS stream variable = best depth = 4

  read_columns<Net>(columns, input, pixels);
  hidden_layer<Net>(columns, pixels, hidden);
  output_layer<Net>(columns, hidden, halves);
  join_directions<Net>(columns, halves, scores);
  best_classes<Net>(columns, scores, best);
  write_labels<Net>(columns, accepted, best, output);
}
