// Scores from half scores: direction 0 delivers column t at step t, direction 1 column T-1-t. A column is complete when
// its second half has arrived, so columns leave from the centre outwards: T/2, T/2-1, T/2+1, ..., 0 for an even T; for
// an odd T the centre column, whose halves arrive in the same step, leaves first.
//
// The first T half columns are stored, and each of the last T is added to the one that was stored last and not yet
// used: the halves of a column come at mirrored times, so the memory is a stack of half columns.
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

// The memory of the half scores that wait, in pages that are whole block RAMs. In one array it would be up to twice as
// large: on the 7 series Vivado extends the depth of a memory to the next power of two (AMD answer record 61995), and for
// more than 4096 words it usually takes shapes of a block RAM without parity bits, which are a ninth of its bits.
template <class Net>
struct Waiting {
  typedef typename Types<Net>::ScoreWord ScoreWord;

  static const int WORDS = Net::max_columns * OutputLayer<Net>::BLOCKS;
  static const int OFFSET_BITS = 12;
  static const int DEEPEST = 1 << OFFSET_BITS;  // words of the deepest block RAM with parity bits, of 9 bits (UG473)
  // Fewer words are one page, so that every network uses the pages: a tool may refuse a pragma for an array without uses.
  static const int PAGE = WORDS < DEEPEST ? WORDS : DEEPEST;
  static const int PAGES = WORDS / PAGE;
  static const int REST = WORDS % PAGE;  // words behind the last page

  // An array has at least one element in C++; one that is never used, and that no pragma names, is not synthesised.
  static const int DECLARED_REST = REST > 0 ? REST : 1;

  typedef Counter<WORDS + 1> Address;

  static void store(ScoreWord (&waiting)[PAGES][PAGE], ScoreWord (&rest)[DECLARED_REST], const Address& address,
                    const ScoreWord& word) {
#pragma HLS inline
    const ap_uint<OFFSET_BITS> offset = address;
    const int page = int(address) >> OFFSET_BITS;  // of an int: an address may have fewer bits than an offset
    if (REST > 0 && page == PAGES)
      rest[offset] = word;
    else
      waiting[PAGES > 1 ? page : 0][offset] = word;
  }

  static ScoreWord load(const ScoreWord (&waiting)[PAGES][PAGE], const ScoreWord (&rest)[DECLARED_REST],
                        const Address& address) {
#pragma HLS inline
    const ap_uint<OFFSET_BITS> offset = address;
    const int page = int(address) >> OFFSET_BITS;
    ScoreWord word;
    if (REST > 0 && page == PAGES)
      word = rest[offset];
    else
      word = waiting[PAGES > 1 ? page : 0][offset];
    return word;
  }
};

template <class Net>
void join_directions(ColumnCount columns, hls::stream<typename Types<Net>::ScoreWord>& halves,
                     hls::stream<typename Types<Net>::ScoreWord>& scores) {
  typedef Waiting<Net> Memory;
  typedef typename Memory::ScoreWord ScoreWord;
  const int blocks = OutputLayer<Net>::BLOCKS;

  // Static, as all buffers of a line are: the same memory in hardware, but a C simulation's stack is too small for long
  // lines.
  static ScoreWord waiting[Memory::PAGES][Memory::PAGE];
#pragma HLS array_partition variable = waiting complete dim = 1
  static ScoreWord waiting_rest[Memory::DECLARED_REST];

  const typename Memory::Address stored = int(columns) * blocks;

// Two loops, of which one only writes the memory and one only reads it. In a single loop the half column that is stored
// last would be read `blocks` iterations after it is written, which may be the next iteration: a tool would have to wait
// for the memory in each of them, or be told that there is no such dependence, which is not true. The second loop begins
// when the first one has drained: a few cycles, once in a line.
STORE_HALVES:
  for (typename Memory::Address n = 0; n < stored; ++n) {
#pragma HLS loop_tripcount min = 42640 max = 42640
#pragma HLS pipeline II = 1
    Memory::store(waiting, waiting_rest, n, halves.read());
  }

  typename Memory::Address address = stored - blocks;  // of the half column that was stored last
  Counter<OutputLayer<Net>::BLOCKS> block = 0;
  // Of what leaves. Only the test bench sees them: synthesis removes them. The centre of an odd line leaves when its
  // half of direction 1 comes.
  ColumnCount step = columns / 2;
  Counter<DIRECTIONS> direction = columns % 2;
ADD_HALVES:
  for (typename Memory::Address n = 0; n < stored; ++n) {
#pragma HLS loop_tripcount min = 42640 max = 42640
#pragma HLS pipeline II = 1
    const ScoreWord opposite = Memory::load(waiting, waiting_rest, address);
    const int column = direction == 1 ? int(columns) - 1 - int(step) : int(step);
    Join<Net>::emit(column, block, Join<Net>::sum(opposite, halves.read()), scores);
    const bool ends = advance<OutputLayer<Net>::BLOCKS>(block);
    // From the last block of a half column to the first one of that which was stored before it.
    address = ends ? typename Memory::Address(address - (2 * blocks - 1)) : typename Memory::Address(address + 1);
    if (ends && advance<DIRECTIONS>(direction)) ++step;
  }
}
