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
  // The side with fewer folds rests in the last ones.
  static const int FOLDS = INPUT_FOLDS > RECURRENT_FOLDS ? INPUT_FOLDS : RECURRENT_FOLDS;
  static const int PASS = DIRECTIONS * BLOCKS * FOLDS;

  // Sum of the products of one gate in one fold. Each product is rounded to the accumulator's fraction on its
  // own. Sums wrap, so that their order, hence the folding, never changes them.
  template <int Simd, class Limb, int Limbs, int Size>
  static Accumulator dot(const Limb (&word)[Limbs], const Activation (&values)[Size], int fold, int gate) {
#pragma HLS inline
    Accumulator sum = 0;
  LANES:
    for (int lane = 0; lane < Simd; ++lane) {
#pragma HLS unroll
      typedef typename T::Weight Weight;
      const Weight weight = element<Weight, Net::weight_bits>(word, gate * Simd + lane);
      const Accumulator product = values[fold * Simd + lane] * weight;
      sum += product;
    }
    return sum;
  }

  // The input of a gate's table: its accumulator, and with peepholes what the gate sees of a cell state.
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

  template <class Word>
  static void load(const Word& word, Activation (&values)[Net::inputs]) {
#pragma HLS inline
  PIXELS:
    for (int row = 0; row < Net::inputs; ++row) {
#pragma HLS unroll
      const int low = row * Net::activation_bits;
      const ap_uint<Net::activation_bits> bits = word.range(low + Net::activation_bits - 1, low);
      values[row] = from_bits<Activation>(bits);
    }
  }

  static typename T::HiddenWord packed(const Activation (&values)[Net::hidden]) {
#pragma HLS inline
    typename T::HiddenWord word;
  UNITS:
    for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
      const int low = unit * Net::activation_bits;
      word.range(low + Net::activation_bits - 1, low) = values[unit].range(Net::activation_bits - 1, 0);
    }
    return word;
  }
};

template <class Net, class InputRom, class RecurrentRom, class BiasRom, class PeepholeRom>
void hidden_layer(ColumnCount columns, hls::stream<typename Types<Net>::ColumnWord>& pixels,
                  hls::stream<typename Types<Net>::HiddenWord>& hidden, const InputRom& input_weights,
                  const RecurrentRom& recurrent_weights, const BiasRom& biases, const PeepholeRom& peepholes) {
  typedef HiddenLayer<Net> Layer;
  typedef typename Types<Net>::Activation Activation;
  typedef typename Types<Net>::BiasSum BiasSum;

  // All of these are read in many places within one cycle: registers, not memories.
  Activation input[DIRECTIONS][Net::inputs];
#pragma HLS array_partition variable = input complete dim = 0
  Activation previous[DIRECTIONS][Net::hidden];
#pragma HLS array_partition variable = previous complete dim = 0
  Activation next[DIRECTIONS][Net::hidden];
#pragma HLS array_partition variable = next complete dim = 0
  Accumulator sums[Net::pe][GATES];
#pragma HLS array_partition variable = sums complete dim = 0
  // One memory per processing element: a block reads and writes one word of each.
  Cell cells[DIRECTIONS * Layer::BLOCKS][Net::pe];
#pragma HLS array_partition variable = cells complete dim = 2

CLEAR:
  for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
    previous[0][unit] = previous[1][unit] = 0;
  }

STEPS:
  for (ColumnCount step = 0; step < columns; ++step) {
#pragma HLS loop_tripcount min = 520 max = 520
    const bool first = step == 0;
    Layer::load(pixels.read(), input[0]);
    Layer::load(pixels.read(), input[1]);

    int direction = 0, block = 0, fold = 0;
  PASS:
    for (int cycle = 0; cycle < Layer::PASS; ++cycle) {
#pragma HLS pipeline II = 1
// Within a pass each cell is read and written in one iteration alone, the last fold of its block.
#pragma HLS dependence variable = cells inter false
      const int row = direction * Layer::BLOCKS + block;
    UNITS:
      for (int p = 0; p < Net::pe; ++p) {
#pragma HLS unroll
      GATE_SUMS:
        for (int gate = 0; gate < GATES; ++gate) {
#pragma HLS unroll
          Accumulator sum = element<BiasSum, Net::bias_bits + 1>(biases[p][row], gate);
          if (fold > 0) sum = sums[p][gate];
          if (fold < Layer::INPUT_FOLDS)
            sum += Layer::template dot<Net::simd_input>(input_weights[p][row * Layer::INPUT_FOLDS + fold],
                                                        input[direction], fold, gate);
          if (fold < Layer::RECURRENT_FOLDS)
            sum += Layer::template dot<Net::simd_recurrent>(recurrent_weights[p][row * Layer::RECURRENT_FOLDS + fold],
                                                            previous[direction], fold, gate);
          sums[p][gate] = sum;
        }
        if (fold == Layer::FOLDS - 1) {
          const int unit = block * Net::pe + p;
          for (int gate = 0; gate < GATES; ++gate) observe::gate(direction, unit, gate, raw_of(sums[p][gate]));
          Cell state = 0;
          if (!first) state = cells[row][p];
          next[direction][unit] = Layer::finish_unit(sums[p], peepholes[p][row], first, state);
          cells[row][p] = state;
        }
      }
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
      for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
        previous[side][unit] = next[side][unit];
        observe::hidden(side, unit, raw_of(next[side][unit]));
      }
      hidden.write(Layer::packed(next[side]));
    }
  }
}
