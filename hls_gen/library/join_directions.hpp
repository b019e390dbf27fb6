// Scores from half scores: direction 0 delivers column t at step t, direction 1 column T-1-t. A column is complete when
// its second half has arrived, so columns leave from the centre outwards: T/2, T/2-1, T/2+1, ..., 0 for an even T; for
// an odd T the centre column, whose halves arrive in the same step, leaves first.
#pragma once

#include "observe.hpp"
#include "output_layer.hpp"

template <class Net>
struct Join {
  typedef typename Types<Net>::ScoreWord ScoreWord;

  static ScoreWord sum(const ScoreWord& a, const ScoreWord& b) {
#pragma HLS inline
    ScoreWord scores;
  LANES:
    for (int p = 0; p < Net::pe_out; ++p) {
#pragma HLS unroll
      const ap_int<16> wrapped = score_of(a, p) + score_of(b, p);
      scores.range(16 * p + 15, 16 * p) = bits_of(wrapped);
    }
    return scores;
  }

  static void emit(int column, int block, const ScoreWord& scores, hls::stream<ScoreWord>& out) {
#pragma HLS inline
    for (int p = 0; p < Net::pe_out; ++p) {
#pragma HLS unroll
      observe::score(column, block * Net::pe_out + p, score_of(scores, p));
    }
    out.write(scores);
  }
};

template <class Net>
void join_directions(ColumnCount columns, hls::stream<typename Types<Net>::ScoreWord>& halves,
                     hls::stream<typename Types<Net>::ScoreWord>& scores) {
  typedef typename Types<Net>::ScoreWord ScoreWord;
  const int blocks = OutputLayer<Net>::BLOCKS;
  const ColumnCount half = columns / 2;

  // Halves that wait for the other one: those of the first half of the steps, and the centre of an odd line. Static, as
  // all buffers of a line are: the same memory in hardware, but a C simulation's stack is too small for long lines.
  static ScoreWord waiting[DIRECTIONS][(Net::max_columns + 1) / 2 * blocks];
#pragma HLS array_partition variable = waiting complete dim = 1

// Each loop only writes or only reads `waiting`, so that none waits for the memory's latency.
FIRST_STEPS:
  for (ColumnCount step = 0; step < half; ++step) {
#pragma HLS loop_tripcount min = 260 max = 260
  FIRST_HALVES:
    for (int n = 0; n < DIRECTIONS * blocks; ++n) {
#pragma HLS pipeline II = 1
      const int direction = n >= blocks;
      waiting[direction][step * blocks + (n - direction * blocks)] = halves.read();
    }
  }

  if (columns % 2) {
  CENTRE_LEFT:
    for (int block = 0; block < blocks; ++block) {
#pragma HLS pipeline II = 1
      waiting[0][half * blocks + block] = halves.read();
    }
  CENTRE_RIGHT:
    for (int block = 0; block < blocks; ++block) {
#pragma HLS pipeline II = 1
      const ScoreWord opposite = waiting[0][half * blocks + block];
      Join<Net>::emit(half, block, Join<Net>::sum(opposite, halves.read()), scores);
    }
  }

LAST_STEPS:
  for (ColumnCount step = columns - half; step < columns; ++step) {
#pragma HLS loop_tripcount min = 260 max = 260
    const int mirror = columns - 1 - step;
  LAST_HALVES:
    for (int n = 0; n < DIRECTIONS * blocks; ++n) {
#pragma HLS pipeline II = 1
      const int direction = n >= blocks;
      const int block = n - direction * blocks;
      const ScoreWord opposite = waiting[1 - direction][mirror * blocks + block];
      const int column = direction ? mirror : int(step);
      Join<Net>::emit(column, block, Join<Net>::sum(opposite, halves.read()), scores);
    }
  }
}
