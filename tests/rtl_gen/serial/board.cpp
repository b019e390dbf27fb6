// The board's pins for Python, over stdin and stdout: bytes become bits of a serial line and back, clock by clock.
//
// A command is one letter and its arguments, little-endian. Time passes only within commands.
//
//   P period            clocks of a bit of the host (double), in both directions; the first one is the board's, too
//   W size bytes        send bytes (u32, bytes), one after the other
//   R most clocks       until there are `most` received bytes (u32) or so many clocks have passed (u64); answers their
//                       number (u32) and the bytes
//   T clocks            the host's line is high (u64)
//   B clocks            the host's line is low (u64)
//   S clocks            the button is pressed (u64)
//   L                   answers the LEDs (u8) and the clocks so far (u64)
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "Vulx3s.h"
#include "verilated.h"

namespace {

const unsigned START_CLOCKS = 64;  // until the PLL has locked and the reset is over

template <typename Value>
Value read() {
  Value value;
  if (std::fread(&value, sizeof value, 1, stdin) != 1) std::exit(0);
  return value;
}

template <typename Value>
void write(Value value) {
  std::fwrite(&value, sizeof value, 1, stdout);
}

class Board {
 public:
  Board() {
    top_.ftdi_txd = 1;
    top_.btn = 0;
    for (unsigned n = 0; n < START_CLOCKS; ++n) clock(1);
  }

  int serve() {
    for (int command; (command = std::getchar()) != EOF; std::fflush(stdout)) switch (command) {
        case 'P':
          period_ = read<double>();
          if (first_period_ == 0) first_period_ = period_;
          break;
        case 'W':
          send();
          break;
        case 'R':
          answer_received();
          break;
        case 'T':
          pass(read<uint64_t>(), 1);
          break;
        case 'B':
          pass(read<uint64_t>(), 0);
          break;
        case 'S':
          top_.btn = 1;
          pass(read<uint64_t>(), 1);
          top_.btn = 0;
          break;
        case 'L':
          write<uint8_t>(top_.led);
          write<uint64_t>(now_);
          break;
        default:
          std::fprintf(stderr, "no command %d\n", command);
          return 1;
      }
    return 0;
  }

 private:
  void pass(uint64_t clocks, int level) {
    for (uint64_t n = 0; n < clocks; ++n) clock(level);
  }

  // Bytes follow each other without a pause, at the host's rate, which need not be a whole number of clocks.
  void send() {
    std::vector<uint8_t> bytes(read<uint32_t>());
    for (uint8_t& byte : bytes) byte = read<uint8_t>();
    double elapsed = 0;  // clocks since the start bit of the byte
    for (const uint8_t byte : bytes) {
      const unsigned bits = 0x200u | byte << 1;
      for (; elapsed < 10 * period_; ++elapsed) clock(bits >> static_cast<unsigned>(elapsed / period_) & 1);
      elapsed -= 10 * period_;
    }
  }

  void answer_received() {
    const uint32_t most = read<uint32_t>();
    const uint64_t clocks = read<uint64_t>();
    for (uint64_t n = 0; n < clocks && received_.size() < most; ++n) clock(1);
    const uint32_t count = received_.size() < most ? static_cast<uint32_t>(received_.size()) : most;
    write(count);
    for (uint32_t n = 0; n < count; ++n) {
      write(received_.front());
      received_.pop_front();
    }
  }

  void clock(int level) {
    top_.ftdi_txd = level;
    top_.clk_25mhz = 0;
    top_.eval();
    top_.clk_25mhz = 1;
    top_.eval();
    ++now_;
    receive(top_.ftdi_rxd);
    if (!top_.wifi_gpio0) fail("wifi_gpio0 is low");
  }

  // Bits are looked at in their middle, as a UART does.
  void receive(int level) {
    if (!receiving_) {
      receiving_ = level == 0;
      elapsed_ = 0;
      bits_ = 0;
      return;
    }
    elapsed_ += 1;
    if (elapsed_ < (bits_ + 0.5) * period_) return;
    const bool strict = period_ == first_period_;  // a host with another rate takes what it sees
    if (strict && bits_ == 0 && level) fail("a start bit of the board is too short");
    if (bits_ >= 1 && bits_ <= 8) value_ = static_cast<uint8_t>(value_ >> 1 | level << 7);
    if (++bits_ < 10) return;
    if (strict && !level) fail("a byte of the board has no stop bit");
    received_.push_back(value_);
    receiving_ = false;
  }

  void fail(const char* what) {
    std::fprintf(stderr, "%s, clock %llu\n", what, static_cast<unsigned long long>(now_));
    std::exit(1);
  }

  Vulx3s top_;
  double period_ = 50, first_period_ = 0, elapsed_ = 0;
  std::deque<uint8_t> received_;
  uint8_t value_ = 0;
  bool receiving_ = false;
  unsigned bits_ = 0;
  uint64_t now_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
  Verilated::randReset(2);
  Verilated::randSeed(1);
  return Board().serve();
}
