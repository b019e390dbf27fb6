// The output layer: class scores from the hidden outputs, `pe_out` classes at a time.
//
// The half score of each direction is computed separately, as the halves of a column come at different times. No step
// depends on another, so one pipeline computes all steps of a line.
#pragma once

#include "rom.hpp"

template <class Net>
struct OutputLayer {
  // The last block is padded with classes whose weights are 0: their scores are 0, which is never a best score.
  static const int BLOCKS = (Net::classes + Net::pe_out - 1) / Net::pe_out;
};

template <class Net, class WeightRom, class BiasRom>
void output_layer(ColumnCount columns, hls::stream<typename Types<Net>::HiddenWord>& hidden,
                  hls::stream<typename Types<Net>::ScoreWord>& halves, const WeightRom& weights,
                  const BiasRom& biases) {
  typedef Types<Net> T;
  typedef typename T::Activation Activation;
  const int blocks = OutputLayer<Net>::BLOCKS;

  const int cycles = int(columns) * (DIRECTIONS * blocks);
  typename T::HiddenWord word = 0;
  int direction = 0, block = 0;
CLASSES:
  for (int cycle = 0; cycle < cycles; ++cycle) {
#pragma HLS loop_tripcount min = 85280 max = 85280
#pragma HLS pipeline II = 1
    if (block == 0) word = hidden.read();
    const int row = direction * blocks + block;
    typename T::ScoreWord scores;
  LANES:
    for (int p = 0; p < Net::pe_out; ++p) {
#pragma HLS unroll
      Score sum = element<typename T::ClassBias, Net::fc_bias_bits>(biases[p][row], 0);
    PRODUCTS:
      for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
        const int low = unit * Net::activation_bits;
        const ap_uint<Net::activation_bits> bits = word.range(low + Net::activation_bits - 1, low);
        typedef typename T::ClassWeight ClassWeight;
        const ClassWeight weight = element<ClassWeight, Net::fc_weight_bits>(weights[p][row], unit);
        const Score product = from_bits<Activation>(bits) * weight;  // rounded before it is added
        sum += product;
      }
      scores.range(16 * p + 15, 16 * p) = sum.range(15, 0);
    }
    halves.write(scores);
    if (++block == blocks) {
      block = 0;
      direction = 1 - direction;
    }
  }
}
