// `join_directions` alone, on networks whose half scores fill its memory in all
// ways: less than a page, whole pages, pages and a rest. Each line has random
// half scores; scores, their columns and their order are compared with the
// definition.
//
// Prints the number of lines; the first difference ends the program with
// status 1.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "join_directions.hpp"

template <int Classes, int PeOut, int MaxColumns>
struct Net {
  static const int classes = Classes, pe_out = PeOut, max_columns = MaxColumns;
  // Of the types of other stages.
  static const int inputs = 1, hidden = 1, bus_words_per_column = 1;
  static const int weight_bits = 1, bias_bits = 1, activation_bits = 1, fc_weight_bits = 1, fc_bias_bits = 1;
  static const int peephole_bits = 1, peephole_integer_bits = 1;
};

struct Seen {
  int column, klass, raw;
};
std::vector<Seen> seen;

namespace observe {
void gate(int, int, int, int) {}
void hidden(int, int, int) {}
void score(int column, int klass, int raw) {
  const Seen one = {column, klass, raw};
  seen.push_back(one);
}
}  // namespace observe

void fail(const char* what, int columns, int max_columns, int column, int klass) {
  std::printf("%s: %d of %d columns, column %d, class %d\n", what, columns, max_columns, column, klass);
  std::exit(1);
}

// Columns from the centre outwards, the right one of a pair first.
std::vector<int> order(int columns) {
  std::vector<int> found;
  int left = columns / 2 - 1, right = columns / 2;
  if (columns % 2) found.push_back(right++);
  while (left >= 0) {
    found.push_back(right++);
    found.push_back(left--);
  }
  return found;
}

template <class Net>
void line(int columns) {
  typedef typename Types<Net>::ScoreWord ScoreWord;
  const int blocks = OutputLayer<Net>::BLOCKS, classes = blocks * Net::pe_out;
  std::vector<int> half[DIRECTIONS];  // by step and class
  hls::stream<ScoreWord> halves, scores;
  for (int step = 0; step < columns; ++step)
    for (int direction = 0; direction < DIRECTIONS; ++direction)
      for (int block = 0; block < blocks; ++block) {
        ScoreWord word;
        for (int p = 0; p < Net::pe_out; ++p) {
          const int raw = std::rand() % 65536 - 32768;
          half[direction].push_back(raw);
          word.range(16 * p + 15, 16 * p) = ap_uint<16>(raw);
        }
        halves.write(word);
      }

  seen.clear();
  join_directions<Net>(columns, halves, scores);

  const std::vector<int> expected = order(columns);
  if (int(seen.size()) != columns * classes) fail("scores", columns, Net::max_columns, int(seen.size()), 0);
  for (int n = 0; n < columns; ++n)
    for (int block = 0; block < blocks; ++block) {
      const ScoreWord word = scores.read();
      for (int p = 0; p < Net::pe_out; ++p) {
        const int column = expected[n], klass = block * Net::pe_out + p;
        const ap_int<16> score = half[0][column * classes + klass] + half[1][(columns - 1 - column) * classes + klass];
        const Seen& one = seen[n * classes + klass];
        if (score_of(word, p) != score) fail("score", columns, Net::max_columns, column, klass);
        if (one.column != column || one.klass != klass || one.raw != score)
          fail("observed", columns, Net::max_columns, column, klass);
      }
    }
  if (!halves.empty() || !scores.empty()) fail("a word is left", columns, Net::max_columns, 0, 0);
}

// Lines from 0 columns to the limit; returns their number. WORDS and the number
// of pages are those of the memory.
template <class Net, int Words, int Pages>
int lines() {
  static_assert(Waiting<Net>::WORDS == Words && Waiting<Net>::PAGES == Pages, "another memory than this test is about");
  const int most = Net::max_columns;
  const int lengths[] = {most, 0, 1, 2, 3, 4, 5, 6, 7, most - 1, most};
  for (int columns : lengths)
    if (columns <= most) line<Net>(columns);
  return sizeof lengths / sizeof lengths[0];
}

int main() {
  int count = 0;
  count += lines<Net<3, 3, 7>, 7, 1>();        // one block
  count += lines<Net<9, 2, 8>, 40, 1>();       // the last block is not full
  count += lines<Net<5, 2, 1365>, 4095, 1>();  // a word less than a page
  count += lines<Net<4, 2, 2048>, 4096, 1>();  // one page
  count += lines<Net<3, 2, 2049>, 4098, 1>();  // and one column more
  count += lines<Net<2, 2, 4097>, 4097, 1>();
  count += lines<Net<7, 1, 1171>, 8197,
                 2>();  // half columns that begin in a page and end in the next
  count += lines<Net<3, 1, 4096>, 12288, 3>();
  count += lines<Net<82, 5, 2000>, 34000, 8>();
  std::printf("%d lines\n", count);
  return 0;
}
