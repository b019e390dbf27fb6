// Calls the accelerator with the registers that it is given, as a driver that is right or wrong would.
//
//   registers PIXELS COLUMNS COLUMNS_TWICE BYTES [COLUMNS COLUMNS_TWICE BYTES ...]
//
// PIXELS is text: the words of the input buffer in hexadecimal. They alone are in the buffer, so that a sanitizer sees a
// read behind them. Prints one line of words, in hexadecimal, for each call: the whole output buffer, which is filled with
// 5a5a5a5a5a5a5a5a beforehand.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "top.hpp"

int main(int argc, char** argv) {
  if (argc < 5 || argc % 3 != 2) return 2;
  std::ifstream file(argv[1]);
  std::vector<BusWord> words;
  unsigned long long word;
  while (file >> std::hex >> word) words.push_back(word);
  std::vector<BusWord> input(words.begin(),
                             words.end());  // without the room for more that push_back makes
  for (int n = 2; n < argc; n += 3) {
    std::vector<BusWord> output(Network::max_labels + 1, BusWord(0x5a5a5a5a5a5a5a5aULL));
    topLevel_BLSTM_CTC(std::strtoul(argv[n], 0, 0), std::strtoul(argv[n + 1], 0, 0), std::strtoul(argv[n + 2], 0, 0),
                       input.data(), output.data());
    for (unsigned k = 0; k < output.size(); ++k) std::printf("%llx ", output[k].to_uint64());
    std::printf("\n");
  }
  return 0;
}
