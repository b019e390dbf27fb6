// Labels from scores, by the overlay's rule (not greedy CTC).
#pragma once

#include "output_layer.hpp"

typedef ap_uint<15> Value;  // a score, or 0 where it is negative

// Whether a value is above the one before, or replaces it in any case. `replaces` is one more bit of the comparison, so
// that no other operation is between it and the selection, on the path from one cycle to the next.
inline bool exceeds(const Value& before, const Value& value, bool replaces) {
#pragma HLS inline
  const ap_uint<16> raised = replaces ? 0x8000 : 0;
  return (raised | value) > before;
}

// Best class of each column. The running maximum restarts at 0 for each column and the running label does not: a column
// in which no score is positive has value 0 and the label of the column that arrived before it.
template <class Net>
void best_classes(ColumnCount columns, hls::stream<typename Types<Net>::ScoreWord>& scores, hls::stream<Best>& best) {
  const int blocks = OutputLayer<Net>::BLOCKS;
  typedef typename OutputLayer<Net>::Cycles Cycles;
  const Cycles cycles = int(columns) * blocks;
  Value maximum = 0;
  Label label = 0;
  Counter<blocks> block = 0;
BEST:
  for (Cycles cycle = 0; cycle < cycles; ++cycle) {
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
    const bool positive = highest > 0;
    const Value value = positive ? Value(highest) : Value(0);
    const bool higher = exceeds(maximum, value, block == 0);
    if (higher) maximum = value;
    if (higher && positive) label = block * Net::pe_out + lane;
    if (advance<blocks>(block)) {
      Best column;
      column.value = label == 0 ? Value(0) : maximum;
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

  ColumnCount right = half, left = half - 1;
  bool to_right = true;
IMAGE_ORDER:
  for (ColumnCount n = 0; n < columns; ++n) {
#pragma HLS loop_tripcount min = 520 max = 520
#pragma HLS pipeline II = 1
    const ColumnCount place = to_right ? right : left;
    line[place] = best.read();
    if (to_right)
      ++right;
    else
      --left;
    if (n > 0 || columns % 2 == 0) to_right = !to_right;  // the centre column of an odd line is single
  }

  static Label stored[Net::max_labels + 1];  // as in the output buffer: the first label has index 1
  Value run_value = 0;
  Label run_label = 0;
  ColumnCount count = 0;
RUNS:
  for (ColumnCount t = 0; t < columns; ++t) {
#pragma HLS loop_tripcount min = 520 max = 520
#pragma HLS pipeline II = 1
    const Best column = line[t];
    const bool blank = column.label == 0;
    if (blank && run_label != 0) {
      if (count < Net::max_labels) stored[count + 1] = run_label;
      ++count;
    }
    // A blank column, whose value is 0, always replaces the run: where none was, run_value is 0 already.
    const Value value = column.value;
    if (exceeds(run_value, value, blank)) {
      run_value = value;
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
