// Runs lines through the accelerator.
//
//   test_bench VECTORS            compares with the expected results in VECTORS; status 1 on any difference
//   test_bench VECTORS RESULTS    writes the computed results to RESULTS
//
// Both are text: a name, the number of values that follow, the values, all hexadecimal. `columns` begins a line, and
// `pixels` are the words of the input buffer; `labels`, `hidden` (step, direction, unit) and `scores` (column, class) are
// results. `labels` begins with the accelerator's count. Hidden outputs and scores are internal values, which only a C
// simulation shows (FOLDLINE_OBSERVE): a co-simulation compares the labels, and only warns where words behind them changed.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "observe.hpp"
#include "top.hpp"

namespace {

typedef std::vector<unsigned long long> Numbers;

struct Line {
  Numbers pixels, labels, hidden, scores, gates;
  unsigned columns;
  bool has_labels, has_hidden, has_scores;
  Line() : columns(0), has_labels(false), has_hidden(false), has_scores(false) {}
};

Line* observed = 0;

void fail(const std::string& message) {
  std::cerr << message << std::endl;
  std::exit(2);
}

std::vector<Line> read_lines(const char* path) {
  std::ifstream file(path);
  if (!file) fail(std::string("Cannot read ") + path + ".");
  std::vector<Line> lines;
  std::string name;
  while (file >> name) {
    unsigned long long count = 0;
    file >> std::hex >> count;
    if (name == "columns" && file) {
      lines.push_back(Line());
      lines.back().columns = static_cast<unsigned>(count);
      continue;
    }
    if (lines.empty() || !file)
      fail(std::string(path) + " is not a file of vectors: it cannot be read at " + name + ".");
    Line& line = lines.back();
    Numbers* numbers = name == "pixels"   ? &line.pixels
                       : name == "labels" ? &line.labels
                       : name == "hidden" ? &line.hidden
                       : name == "scores" ? &line.scores
                                          : 0;
    if (!numbers) fail(std::string(path) + " has an entry " + name + ", which no vectors have.");
    line.has_labels |= name == "labels";
    line.has_hidden |= name == "hidden";
    line.has_scores |= name == "scores";
    for (unsigned long long n = 0; n < count; ++n) {
      unsigned long long number;
      if (!(file >> number)) fail(std::string(path) + " is cut off within " + name + ".");
      numbers->push_back(number);
    }
  }
  if (lines.empty()) fail(std::string(path) + " holds no line.");
  return lines;
}

// A word of the output buffer behind the labels has changed. The accelerator never writes there, but in a co-simulation
// the tool's memory model may: it can copy the whole buffer back, or whole beats of a burst.
void wrote_behind_labels() {
#ifdef FOLDLINE_OBSERVE
  fail("The accelerator wrote behind its labels.");
#else
  std::cerr << "WARNING: words of the output buffer behind the labels have changed; the driver does not read them."
            << std::endl;
#endif
}

// One run of the accelerator.
Line run(const Line& line) {
  const BusWord untouched = 0x5a5a5a5a5a5a5a5aULL;
  if (line.pixels.size() != 2ULL * line.columns * Network::bus_words_per_column)
    fail("A line has another number of pixel words than its columns take.");
  std::vector<BusWord> input(line.pixels.begin(), line.pixels.end());
#ifndef FOLDLINE_OBSERVE
  // A co-simulation copies as many words as the interface's `depth`, for every line.
  const std::size_t depth = 2ULL * Network::max_columns * Network::bus_words_per_column;
  if (input.size() < depth) input.resize(depth, 0);
#endif
  std::vector<BusWord> output(Network::max_labels + 1, untouched);
  Line result;
  result.columns = line.columns;
  result.scores.resize(1ULL * line.columns * Network::classes);
  observed = &result;
  topLevel_BLSTM_CTC(line.columns, 2 * line.columns, 16 * line.columns * Network::bus_words_per_column, input.data(),
                     output.data());
  observed = 0;
  const unsigned long long count = output[0].to_uint64();
  result.labels.push_back(count);
  for (unsigned n = 1; n <= count && n < output.size(); ++n) result.labels.push_back(output[n].to_uint64());
  for (unsigned long long n = result.labels.size(); n < output.size(); ++n)
    if (output[n] != untouched) {
      wrote_behind_labels();
      break;
    }
  return result;
}

unsigned long differences(unsigned line, const char* what, const Numbers& expected, const Numbers& got) {
  if (expected.size() != got.size()) {
    std::printf("line %u: expected %lu %s, got %lu\n", line, static_cast<unsigned long>(expected.size()), what,
                static_cast<unsigned long>(got.size()));
    return 1;
  }
  unsigned long found = 0;
  for (unsigned long n = 0; n < expected.size(); ++n)
    if (expected[n] != got[n] && ++found <= 5)
      std::printf("line %u: %s[%lu] expected %#llx, got %#llx\n", line, what, n, expected[n], got[n]);
  if (found > 5) std::printf("line %u: %s differ in %lu places\n", line, what, found);
  return found;
}

int check(const std::vector<Line>& lines) {
  unsigned long found = 0;
  for (unsigned n = 0; n < lines.size(); ++n) {
    const Line got = run(lines[n]);
    if (!lines[n].has_labels) fail("A line has no labels to compare with.");
    found += differences(n, "labels", lines[n].labels, got.labels);
#ifdef FOLDLINE_OBSERVE
    if (lines[n].has_hidden) found += differences(n, "hidden", lines[n].hidden, got.hidden);
    if (lines[n].has_scores) found += differences(n, "scores", lines[n].scores, got.scores);
#endif
  }
  std::printf("%lu lines, %lu differences\n", static_cast<unsigned long>(lines.size()), found);
  return found ? 1 : 0;
}

void write(std::FILE* file, const char* name, const Numbers& numbers) {
  std::fprintf(file, "%s %lx\n", name, static_cast<unsigned long>(numbers.size()));
  for (unsigned long n = 0; n < numbers.size(); ++n) std::fprintf(file, n % 32 == 31 ? "%llx\n" : "%llx ", numbers[n]);
  std::fprintf(file, "\n");
}

int compute(const std::vector<Line>& lines, const char* path) {
  std::FILE* file = std::fopen(path, "w");
  if (!file) fail(std::string("Cannot write ") + path + ".");
  for (unsigned n = 0; n < lines.size(); ++n) {
    const Line got = run(lines[n]);
    std::fprintf(file, "columns %x\n", got.columns);
    write(file, "labels", got.labels);
#ifdef FOLDLINE_OBSERVE
    write(file, "hidden", got.hidden);
    write(file, "scores", got.scores);
    write(file, "gates", got.gates);
#endif
  }
  if (std::fclose(file) != 0) fail(std::string("Cannot write ") + path + ".");
  return 0;
}

}  // namespace

#ifdef FOLDLINE_OBSERVE
namespace observe {

static unsigned long long sixteen_bits(int raw) { return static_cast<unsigned long long>(raw) & 0xffff; }

void gate(int, int, int, int raw) { observed->gates.push_back(sixteen_bits(raw)); }

void hidden(int, int, int raw) { observed->hidden.push_back(sixteen_bits(raw)); }

void score(int column, int klass, int raw) {
  if (klass < Network::classes) observed->scores[1ULL * column * Network::classes + klass] = sixteen_bits(raw);
}

}  // namespace observe
#endif

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) fail("usage: test_bench VECTORS [RESULTS]");
  const std::vector<Line> lines = read_lines(argv[1]);
  return argc == 2 ? check(lines) : compute(lines, argv[2]);
}
