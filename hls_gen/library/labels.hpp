// Labels from scores, by the overlay's rule (not greedy CTC).
#pragma once

#include "output_layer.hpp"

// Best class of each column. The running maximum restarts at 0 for each column and the running label does not: a column
// in which no score is positive has value 0 and the label of the column that arrived before it.
template <class Net>
void best_classes(ColumnCount columns, hls::stream<typename Types<Net>::ScoreWord>& scores, hls::stream<Best>& best) {
  const int blocks = OutputLayer<Net>::BLOCKS;
  const int cycles = int(columns) * blocks;
  ap_int<16> maximum = 0;
  Label label = 0;
  int block = 0;
COLUMNS:
  for (int cycle = 0; cycle < cycles; ++cycle) {
#pragma HLS loop_tripcount min = 42640 max = 42640
#pragma HLS pipeline II = 1
    const typename Types<Net>::ScoreWord word = scores.read();
    // The block's first highest score; only one comparison is then on the path from one cycle to the next.
    ap_int<16> highest = score_of(word, 0);
    Label lane = 0;
  LANES:
    for (int p = 1; p < Net::pe_out; ++p) {
#pragma HLS unroll
      const ap_int<16> score = score_of(word, p);
      if (score > highest) {
        highest = score;
        lane = p;
      }
    }
    if (block == 0) maximum = 0;
    if (highest > maximum) {
      maximum = highest;
      label = block * Net::pe_out + lane;
    }
    if (++block == blocks) {
      block = 0;
      Best column;
      column.value = label == 0 ? ap_int<16>(0) : maximum;
      column.label = label;
      best.write(column);
    }
  }
}

// Columns in image order, then one label for each run of columns that a blank one ends: that of the run's highest score.
// The output buffer gets the number of labels and the labels. All labels are counted; those that exceed the buffer are
// not stored, so that the count shows a line with too many.
template <class Net>
void write_labels(ColumnCount columns, bool accepted, hls::stream<Best>& best, BusWord* output) {
  const ColumnCount half = columns / 2;
  static Best line[Net::max_columns];

  int right = half, left = int(half) - 1;
  bool to_right = true;
IMAGE_ORDER:
  for (ColumnCount n = 0; n < columns; ++n) {
#pragma HLS loop_tripcount min = 520 max = 520
#pragma HLS pipeline II = 1
    const Best column = best.read();
    if (to_right)
      line[right++] = column;
    else
      line[left--] = column;
    if (n > 0 || columns % 2 == 0) to_right = !to_right;  // the centre column of an odd line is single
  }

  static Label stored[Net::max_labels + 1];  // as in the output buffer: the first label has index 1
  ap_int<16> run_value = 0;
  Label run_label = 0;
  ColumnCount count = 0;
RUNS:
  for (ColumnCount t = 0; t < columns; ++t) {
#pragma HLS loop_tripcount min = 520 max = 520
#pragma HLS pipeline II = 1
    const Best column = line[t];
    const bool higher = column.value > run_value;
    const bool ends = !higher && run_label != 0 && column.label == 0;
    if (ends) {
      if (count < Net::max_labels) stored[count + 1] = run_label;
      ++count;
    }
    if (higher || ends) {
      run_value = column.value;
      run_label = column.label;
    }
  }

  // One burst of at least one word: the number and, behind it, the labels.
  BusWord number = count;
  if (!accepted) number = ~0ULL;
  const int written = count < Net::max_labels ? int(count) : int(Net::max_labels);
LABELS:
  for (int n = 0; n <= written; ++n) {
#pragma HLS loop_tripcount min = 41 max = 41
#pragma HLS pipeline II = 1
    BusWord word = stored[n];
    if (n == 0) word = number;
    output[n] = word;
  }
}
