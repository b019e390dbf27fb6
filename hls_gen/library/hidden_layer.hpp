// The bidirectional hidden layer: four gates, cell state and hidden output of H units in two directions.
//
// Both directions share the hardware. A pass over one step of time computes unit block after unit block (`pe` units
// each) of direction 0, then of direction 1; a block takes `FOLDS` cycles, in each of which every gate of every unit
// adds simd_input + simd_recurrent products. The pipeline drains once per step, since the next step needs this one's
// hidden outputs; computing both directions in one pass pays for that once instead of twice.
#pragma once

#include "activations.hpp"
#include "observe.hpp"
#include "rom.hpp"

template <class Net>
struct HiddenLayer {
  typedef Types<Net> T;
  typedef typename T::Activation Activation;

  static const int BLOCKS = Net::hidden / Net::pe;
  static const int INPUT_FOLDS = Net::inputs / Net::simd_input;
  static const int RECURRENT_FOLDS = Net::hidden / Net::simd_recurrent;
  // The side with fewer folds is idle in the last ones.
  static const int FOLDS = INPUT_FOLDS > RECURRENT_FOLDS ? INPUT_FOLDS : RECURRENT_FOLDS;
  static const int PASS = DIRECTIONS * BLOCKS * FOLDS;

  // Sum of the products of one gate in one fold. Each product is rounded to the accumulator's fraction before it is
  // added. Sums wrap, so that their order, hence the folding, never changes them.
  template <class Limb, int Limbs, int Simd>
  static Accumulator dot(const Limb (&word)[Limbs], const Activation (&lanes)[Simd], int gate) {
#pragma HLS inline
    Accumulator sum = 0;
  LANES:
    for (int lane = 0; lane < Simd; ++lane) {
#pragma HLS unroll
      typedef typename T::Weight Weight;
      const Weight weight = element<Weight, Net::weight_bits>(word, gate * Simd + lane);
      const Accumulator product = lanes[lane] * weight;
      sum += product;
    }
    return sum;
  }

  // The input of a gate's table: its accumulator, plus the peephole's product with the cell state.
  template <class Limb, int Limbs>
  static Cell gate_input(const Accumulator& sum, const Limb (&peepholes)[Limbs], int index, const Cell& state,
                         bool active) {
#pragma HLS inline
    Cell input = sum;
    if (Net::has_peepholes && active) {
      typedef typename T::Peephole Peephole;
      const Peephole peephole = element<Peephole, Net::peephole_bits>(peepholes, index);
      const Cell product = peephole * state;
      input = input + product;
    }
    return input;
  }

  // Hidden output of one unit; its cell state goes from `state`, 0 at the first step, to the new one.
  template <class Limb, int Limbs>
  static Activation finish_unit(const Accumulator (&sums)[GATES], const Limb (&peepholes)[Limbs], bool first,
                                Cell& state) {
#pragma HLS inline
    const Sigmoid i = sigmoid(gate_input(sums[GATE_I], peepholes, 0, state, !first));
    const Sigmoid f = sigmoid(gate_input(sums[GATE_F], peepholes, 1, state, !first));
    const Tanh g = tanh_of(sums[GATE_G]);
    const Cell added = i * g;
    const Cell kept = f * state;
    state = added + kept;
    const Sigmoid o = sigmoid(gate_input(sums[GATE_O], peepholes, 2, state, !first));
    return tanh_of(state) * o;
  }
};

template <class Net, class InputRom, class RecurrentRom, class BiasRom, class PeepholeRom>
void hidden_layer(ColumnCount columns, hls::stream<typename Types<Net>::ColumnWord>& pixels,
                  hls::stream<typename Types<Net>::HiddenWord>& hidden, const InputRom& input_weights,
                  const RecurrentRom& recurrent_weights, const BiasRom& biases, const PeepholeRom& peepholes) {
  typedef HiddenLayer<Net> Layer;
  typedef typename Types<Net>::Activation Activation;
  typedef typename Types<Net>::BiasSum BiasSum;

  // All of these are read in many places within one cycle: registers, not memories. Folds and lanes are separate
  // dimensions, so that a multiplexer has one input for each fold or block, and none for each lane.
  Activation input[DIRECTIONS][Layer::INPUT_FOLDS][Net::simd_input];
#pragma HLS array_partition variable = input complete dim = 0
  Activation previous[DIRECTIONS][Layer::RECURRENT_FOLDS][Net::simd_recurrent];
#pragma HLS array_partition variable = previous complete dim = 0
  Activation next[DIRECTIONS][Layer::BLOCKS][Net::pe];
#pragma HLS array_partition variable = next complete dim = 0
  Accumulator sums[Net::pe][GATES];
#pragma HLS array_partition variable = sums complete dim = 0
  // One memory per processing element: a block reads and writes one word of each.
  Cell cells[DIRECTIONS * Layer::BLOCKS][Net::pe];
#pragma HLS array_partition variable = cells complete dim = 2

CLEAR:
  for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
    previous[0][unit / Net::simd_recurrent][unit % Net::simd_recurrent] = 0;
    previous[1][unit / Net::simd_recurrent][unit % Net::simd_recurrent] = 0;
  }

STEPS:
  for (ColumnCount step = 0; step < columns; ++step) {
#pragma HLS loop_tripcount min = 520 max = 520
    const bool first = step == 0;

  // These two loops are not in functions: outside a pipeline only their pragmas unroll them, and Vitis HLS may drop the
  // pragmas of a function that it inlines.
  COLUMNS:
    for (int side = 0; side < DIRECTIONS; ++side) {
#pragma HLS unroll
      const typename Types<Net>::ColumnWord word = pixels.read();
    PIXELS:
      for (int row = 0; row < Net::inputs; ++row) {
#pragma HLS unroll
        const int low = row * Net::activation_bits;
        const ap_uint<Net::activation_bits> bits = word.range(low + Net::activation_bits - 1, low);
        input[side][row / Net::simd_input][row % Net::simd_input] = from_bits<Activation>(bits);
      }
    }

    int direction = 0, block = 0, fold = 0;
    int input_word = 0, recurrent_word = 0;  // addresses: each side's words lie in the order of their use
  PASS:
    for (int cycle = 0; cycle < Layer::PASS; ++cycle) {
#pragma HLS pipeline II = 1
// Within a pass each cell is read and written in one iteration only, the last fold of its block.
#pragma HLS dependence variable = cells inter false
      const int row = direction * Layer::BLOCKS + block;
      const bool input_turn = Layer::INPUT_FOLDS == Layer::FOLDS || fold < Layer::INPUT_FOLDS;
      const bool recurrent_turn = Layer::RECURRENT_FOLDS == Layer::FOLDS || fold < Layer::RECURRENT_FOLDS;

      // Operands of this cycle, selected once for all gates of all units.
      Activation input_lanes[Net::simd_input];
#pragma HLS array_partition variable = input_lanes complete dim = 1
      Activation recurrent_lanes[Net::simd_recurrent];
#pragma HLS array_partition variable = recurrent_lanes complete dim = 1
    INPUT_LANES:
      for (int lane = 0; lane < Net::simd_input; ++lane) {
#pragma HLS unroll
        input_lanes[lane] = input[direction][input_turn ? fold : 0][lane];
      }
    RECURRENT_LANES:
      for (int lane = 0; lane < Net::simd_recurrent; ++lane) {
#pragma HLS unroll
        recurrent_lanes[lane] = previous[direction][recurrent_turn ? fold : 0][lane];
      }

    UNITS:
      for (int p = 0; p < Net::pe; ++p) {
#pragma HLS unroll
      GATE_SUMS:
        for (int gate = 0; gate < GATES; ++gate) {
#pragma HLS unroll
          Accumulator products = 0;
          if (input_turn) products += Layer::dot(input_weights[p][input_word], input_lanes, gate);
          if (recurrent_turn) products += Layer::dot(recurrent_weights[p][recurrent_word], recurrent_lanes, gate);
          // Only this selection and this addition are on the path from one cycle to the next.
          Accumulator before = element<BiasSum, Net::bias_bits + 1>(biases[p][row], gate);
          if (fold > 0) before = sums[p][gate];
          sums[p][gate] = before + products;
        }
        if (fold == Layer::FOLDS - 1) {
          for (int gate = 0; gate < GATES; ++gate)
            observe::gate(direction, block * Net::pe + p, gate, raw_of(sums[p][gate]));
          Cell state = 0;
          if (!first) state = cells[row][p];
          next[direction][block][p] = Layer::finish_unit(sums[p], peepholes[p][row], first, state);
          cells[row][p] = state;
        }
      }
      if (input_turn) ++input_word;
      if (recurrent_turn) ++recurrent_word;
      if (++fold == Layer::FOLDS) {
        fold = 0;
        if (++block == Layer::BLOCKS) {
          block = 0;
          ++direction;
        }
      }
    }

  OUTPUTS:
    for (int side = 0; side < DIRECTIONS; ++side) {
#pragma HLS unroll
      typename Types<Net>::HiddenWord word;
    OUTPUT_UNITS:
      for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
        const int low = unit * Net::activation_bits;
        const Activation value = next[side][unit / Net::pe][unit % Net::pe];
        previous[side][unit / Net::simd_recurrent][unit % Net::simd_recurrent] = value;
        word.range(low + Net::activation_bits - 1, low) = value.range(Net::activation_bits - 1, 0);
        observe::hidden(side, unit, raw_of(value));
      }
      hidden.write(word);
    }
  }
}
