// Clocks one group of instances in arithmetic.sv: arithmetic PORT CLOCK FIRST LANES FLUSH.
//
// Reads words of 64 bits from standard input, one for each clock, and writes LANES values of 16 bits after each clock, those
// from lane FIRST on of output port PORT; after the last word FLUSH clocks more.
//
// Without arguments: prints the number of pairs of 16-bit values whose saturating sum is wrong, of all pairs.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "Varithmetic.h"
#include "verilated.h"

static long wrong_sums(Varithmetic& model) {
  constexpr int kLanes = 64, kLow = -32768, kHigh = 32767;
  long wrong = 0;
  for (int a = kLow; a <= kHigh; ++a) {
    for (int b = kLow; b <= kHigh; b += kLanes) {
      model.in = uint64_t{static_cast<uint16_t>(a)} << 10 | static_cast<uint16_t>(b) / kLanes;
      model.clk = 2;
      model.eval();
      const auto* sums = reinterpret_cast<const int16_t*>(&model.sums);
      for (int n = 0; n < kLanes; ++n) wrong += sums[n] != std::clamp(a + b + n, kLow, kHigh);
      model.clk = 0;
      model.eval();
    }
  }
  return wrong;
}

int main(int count, char** arguments) {
  Varithmetic model;
  model.clk = 0;
  model.eval();
  if (count == 1) return std::printf("%ld\n", wrong_sums(model)) < 0;
  if (count != 6) return 2;
  const void* const ports[] = {&model.tables,        &model.sums,          &model.products,
                               &model.cell_rounding, &model.kept_rounding, &model.peephole_rounding,
                               &model.peepholes,     &model.dots};
  const auto* port = static_cast<const int16_t*>(ports[std::atoi(arguments[1])]);
  const uint64_t clock = uint64_t{1} << std::atoi(arguments[2]);
  const size_t first = std::atoi(arguments[3]), lanes = std::atoi(arguments[4]), flush = std::atoi(arguments[5]);

  std::vector<uint64_t> words(1 << 16);
  for (bool more = true; more;) {
    size_t number = std::fread(words.data(), 8, words.size() - flush, stdin);
    more = number == words.size() - flush;
    if (!more) number += flush;
    std::vector<int16_t> results;
    for (size_t n = 0; n < number; ++n) {
      model.in = words[n];
      model.clk = clock;
      model.eval();
      results.insert(results.end(), port + first, port + first + lanes);
      model.clk = 0;
      model.eval();
    }
    if (std::fwrite(results.data(), sizeof(int16_t), results.size(), stdout) != results.size()) return 1;
  }
}
