// The output layer: class scores from the hidden outputs, `pe_out` classes at a time.
//
// The half score of each direction is computed separately, as the halves of a column come at different times. No step
// depends on another, so one pipeline computes all steps of a line.
#pragma once

#include "rom.hpp"
#include "weights.hpp"

template <class Net>
struct OutputLayer {
  // The last block is padded with classes whose weights are 0: their scores are 0, which is never a best score.
  static const int BLOCKS = (Net::classes + Net::pe_out - 1) / Net::pe_out;
  static const int ROWS = DIRECTIONS * BLOCKS;  // blocks of both directions

  typedef Counter<Net::max_columns * ROWS + 1> Cycles;  // of a line
};

template <class Net>
void output_layer(ColumnCount columns, hls::stream<typename Types<Net>::HiddenWord>& hidden,
                  hls::stream<typename Types<Net>::ScoreWord>& halves) {
  typedef Types<Net> T;
  typedef typename T::Activation Activation;
  typedef OutputLayer<Net> Layer;

// One memory per processing element and limb, as in hidden_layer.
#pragma HLS array_partition variable = class_weights complete dim = 1
#pragma HLS array_partition variable = class_weights complete dim = 3
#pragma HLS array_partition variable = class_biases complete dim = 1
#pragma HLS array_partition variable = class_biases complete dim = 3

  const typename Layer::Cycles cycles = int(columns) * Layer::ROWS;
  typename T::HiddenWord word = 0;
  Counter<Layer::ROWS> row = 0;
CLASSES:
  for (typename Layer::Cycles cycle = 0; cycle < cycles; ++cycle) {
#pragma HLS loop_tripcount min = 85280 max = 85280
#pragma HLS pipeline II = 1
    if (row == 0 || row == Layer::BLOCKS) word = hidden.read();
    typename T::ScoreWord scores;
  LANES:
    for (int p = 0; p < Net::pe_out; ++p) {
#pragma HLS unroll
      Score sum = element<typename T::ClassBias, Net::fc_bias_bits>(class_biases[p][row], 0);
    PRODUCTS:
      for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
        typedef typename T::ClassWeight ClassWeight;
        const ClassWeight weight = element<ClassWeight, Net::fc_weight_bits>(class_weights[p][row], unit);
        const Score product = value_of<Activation>(word, unit) * weight;  // rounded before it is added
        sum += product;
      }
      scores.range(16 * p + 15, 16 * p) = bits_of(sum);
    }
    halves.write(scores);
    advance<Layer::ROWS>(row);
  }
}
