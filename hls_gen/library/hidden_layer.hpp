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
#include "weights.hpp"

template <class Net>
struct HiddenLayer {
  typedef Types<Net> T;
  typedef typename T::Activation Activation;

  static const int BLOCKS = Net::hidden / Net::pe;
  static const int INPUT_FOLDS = Net::inputs / Net::simd_input;
  static const int RECURRENT_FOLDS = Net::hidden / Net::simd_recurrent;
  // The side with fewer folds is idle in the last ones.
  static const int FOLDS = INPUT_FOLDS > RECURRENT_FOLDS ? INPUT_FOLDS : RECURRENT_FOLDS;
  static const int ROWS = DIRECTIONS * BLOCKS;  // unit blocks of both directions
  static const int PASS = ROWS * FOLDS;

  // Operands of one cycle, of one fold; hidden outputs of one block of units.
  typedef ap_uint<Net::simd_input * Net::activation_bits> InputLanes;
  typedef ap_uint<Net::simd_recurrent * Net::activation_bits> RecurrentLanes;
  typedef ap_uint<Net::pe * Net::activation_bits> Block;

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

  // The input of a gate's table: its accumulator, plus the product of a peephole with the cell state.
  template <class Limb, int Limbs>
  static Cell gate_input(const Accumulator& sum, const Limb (&peephole_word)[Limbs], int index, const Cell& state,
                         bool active) {
#pragma HLS inline
    Cell input = sum;
    if (Net::has_peepholes && active) {
      typedef typename T::Peephole Peephole;
      const Peephole peephole = element<Peephole, Net::peephole_bits>(peephole_word, index);
      const Cell product = peephole * state;
      input = input + product;
    }
    return input;
  }

  // Hidden output of one unit; its cell state goes from `state`, 0 at the first step, to the new one.
  template <class Limb, int Limbs>
  static Activation finish_unit(const Accumulator (&sums)[GATES], const Limb (&peephole_word)[Limbs], bool first,
                                Cell& state) {
#pragma HLS inline
    const Sigmoid i = sigmoid(gate_input(sums[GATE_I], peephole_word, 0, state, !first));
    const Sigmoid f = sigmoid(gate_input(sums[GATE_F], peephole_word, 1, state, !first));
    const Tanh g = tanh_of(sums[GATE_G]);
    const Cell added = i * g;
    const Cell kept = f * state;
    state = added + kept;
    const Sigmoid o = sigmoid(gate_input(sums[GATE_O], peephole_word, 2, state, !first));
    return tanh_of(state) * o;
  }
};

template <class Net>
void hidden_layer(ColumnCount columns, hls::stream<typename Types<Net>::ColumnWord>& pixels,
                  hls::stream<typename Types<Net>::HiddenWord>& hidden) {
  typedef HiddenLayer<Net> Layer;
  typedef typename Types<Net>::Activation Activation;
  typedef typename Types<Net>::BiasSum BiasSum;
  const int bits = Net::activation_bits;

// One memory per processing element and limb. The ROMs are globals, named here and not arguments: some compilers take no
// ROM as an argument of a process of the dataflow. Their pragmas are in the process that reads them, as the tools do not
// inline it.
#pragma HLS array_partition variable = input_weights complete dim = 1
#pragma HLS array_partition variable = input_weights complete dim = 3
#pragma HLS array_partition variable = recurrent_weights complete dim = 1
#pragma HLS array_partition variable = recurrent_weights complete dim = 3
#pragma HLS array_partition variable = gate_biases complete dim = 1
#pragma HLS array_partition variable = gate_biases complete dim = 3
#ifdef FOLDLINE_PEEPHOLES
#pragma HLS array_partition variable = peepholes complete dim = 1
#pragma HLS array_partition variable = peepholes complete dim = 3
#endif

  // All of these are read in many places within one cycle: registers, not memories. The lanes of a fold are one word, so
  // that a multiplexer has one input for each fold, and none for each lane. A word is one element, whatever its width:
  // Vivado HLS refuses to partition an array of more than 1024 elements completely (XFORM 203-103).
  typename Layer::InputLanes input[DIRECTIONS][Layer::INPUT_FOLDS];
#pragma HLS array_partition variable = input complete dim = 0
  typename Layer::RecurrentLanes previous[DIRECTIONS][Layer::RECURRENT_FOLDS];
#pragma HLS array_partition variable = previous complete dim = 0
  // One shift register of both words, which a finished block enters at the top of next[1]. Behind the last block every
  // output is in its place. Written at the block's index, each register would need a write enable of its own.
  typename Types<Net>::HiddenWord next[DIRECTIONS];
#pragma HLS array_partition variable = next complete dim = 0
  Accumulator sums[Net::pe][GATES];
#pragma HLS array_partition variable = sums complete dim = 0
  // One memory per processing element: a block reads and writes one word of each.
  Cell cells[Layer::ROWS][Net::pe];
#pragma HLS array_partition variable = cells complete dim = 2

CLEAR:
  for (int side = 0; side < DIRECTIONS; ++side) {
#pragma HLS unroll
    next[side] = 0;
  CLEAR_FOLDS:
    for (int fold = 0; fold < Layer::RECURRENT_FOLDS; ++fold) {
#pragma HLS unroll
      previous[side][fold] = 0;
    }
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
    COLUMN_FOLDS:
      for (int fold = 0; fold < Layer::INPUT_FOLDS; ++fold) {
#pragma HLS unroll
        const int low = fold * Net::simd_input * bits;
        input[side][fold] = word.range(low + Net::simd_input * bits - 1, low);
      }
    }

    Counter<Layer::FOLDS> fold = 0;
    Counter<Layer::ROWS> row = 0;
    // Addresses: each side's words lie in the order of their use.
    Counter<Layer::ROWS * Layer::INPUT_FOLDS> input_row = 0;
    Counter<Layer::ROWS * Layer::RECURRENT_FOLDS> recurrent_row = 0;
  PASS:
    for (Counter<Layer::PASS + 1> cycle = 0; cycle < Layer::PASS; ++cycle) {
#pragma HLS pipeline II = 1
// Within a pass each cell is read and written in one iteration only, the last fold of its block.
#pragma HLS dependence variable = cells inter false
      const int direction = row >= Layer::BLOCKS;
      const bool input_turn = Layer::INPUT_FOLDS == Layer::FOLDS || fold < Layer::INPUT_FOLDS;
      const bool recurrent_turn = Layer::RECURRENT_FOLDS == Layer::FOLDS || fold < Layer::RECURRENT_FOLDS;
      const bool last_fold = fold == Layer::FOLDS - 1;

      // Operands of this cycle, selected once for all gates of all units.
      Counter<Layer::INPUT_FOLDS> input_fold = 0;
      if (input_turn) input_fold = fold;
      Counter<Layer::RECURRENT_FOLDS> recurrent_fold = 0;
      if (recurrent_turn) recurrent_fold = fold;
      const typename Layer::InputLanes input_word = input[direction][input_fold];
      const typename Layer::RecurrentLanes recurrent_word = previous[direction][recurrent_fold];
      Activation input_lanes[Net::simd_input];
#pragma HLS array_partition variable = input_lanes complete dim = 1
      Activation recurrent_lanes[Net::simd_recurrent];
#pragma HLS array_partition variable = recurrent_lanes complete dim = 1
    INPUT_LANES:
      for (int lane = 0; lane < Net::simd_input; ++lane) {
#pragma HLS unroll
        input_lanes[lane] = value_of<Activation>(input_word, lane);
      }
    RECURRENT_LANES:
      for (int lane = 0; lane < Net::simd_recurrent; ++lane) {
#pragma HLS unroll
        recurrent_lanes[lane] = value_of<Activation>(recurrent_word, lane);
      }

      typename Layer::Block outputs = 0;
    UNITS:
      for (int p = 0; p < Net::pe; ++p) {
#pragma HLS unroll
      GATE_SUMS:
        for (int gate = 0; gate < GATES; ++gate) {
#pragma HLS unroll
          Accumulator products = 0;
          if (input_turn) products += Layer::dot(input_weights[p][input_row], input_lanes, gate);
          if (recurrent_turn) products += Layer::dot(recurrent_weights[p][recurrent_row], recurrent_lanes, gate);
          // Only this selection and this addition are on the path from one cycle to the next.
          Accumulator before = element<BiasSum, Net::bias_bits + 1>(gate_biases[p][row], gate);
          if (fold != 0) before = sums[p][gate];
          sums[p][gate] = before + products;
        }
        if (last_fold) {
          const int unit = (int(row) - direction * Layer::BLOCKS) * Net::pe + p;
          for (int gate = 0; gate < GATES; ++gate) observe::gate(direction, unit, gate, raw_of(sums[p][gate]));
          Cell state = 0;
          if (!first) state = cells[row][p];
          const Activation output = Layer::finish_unit(sums[p], peepholes[p][row], first, state);
          outputs.range((p + 1) * bits - 1, p * bits) = bits_of(output);
          cells[row][p] = state;
        }
      }
      if (last_fold) {
        const typename Layer::Block leaving = next[1].range(Net::pe * bits - 1, 0);
        shift_in(next[0], leaving);
        shift_in(next[1], outputs);
      }

      if (input_turn) ++input_row;
      if (recurrent_turn) ++recurrent_row;
      if (advance<Layer::FOLDS>(fold)) ++row;
    }

  OUTPUTS:
    for (int side = 0; side < DIRECTIONS; ++side) {
#pragma HLS unroll
      const typename Types<Net>::HiddenWord word = next[side];
    OUTPUT_FOLDS:
      for (int fold = 0; fold < Layer::RECURRENT_FOLDS; ++fold) {
#pragma HLS unroll
        const int low = fold * Net::simd_recurrent * bits;
        previous[side][fold] = word.range(low + Net::simd_recurrent * bits - 1, low);
      }
      for (int unit = 0; unit < Net::hidden; ++unit) {
#pragma HLS unroll
        observe::hidden(side, unit, raw_of(value_of<Activation>(word, unit)));
      }
      hidden.write(word);
    }
  }
}
