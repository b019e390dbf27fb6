// Prints the widths of counters, what they count, and a shift register, for a test.
#include <cstdio>

#include "types.hpp"

template <int Values>
void count() {
  Counter<Values> counter = 0;
  std::printf("%d %d:", Values, int(Counter<Values>::width));
  for (int step = 0; step < 2 * Values + 1; ++step) {
    const int before = counter;
    std::printf(" %d%s", before, advance<Values>(counter) ? "." : "");
  }
  std::printf("\n");
}

template <int Bits, int BlockBits>
void shift() {
  ap_uint<Bits> word = 0;
  for (int block = 1; block <= Bits / BlockBits; ++block) shift_in(word, ap_uint<BlockBits>(block));
  std::printf("%d %d: %llx\n", Bits, BlockBits, word.to_uint64());
}

int main() {
  count<1>();
  count<2>();
  count<3>();
  count<4>();
  count<5>();
  count<128>();
  count<129>();
  std::printf("%d\n", int(Counter<32767 * 512 + 1>::width));
  shift<12, 4>();
  shift<15, 5>();
  shift<8, 8>();
  return 0;
}
