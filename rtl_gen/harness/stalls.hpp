// Random stalls: whether a channel waits in a clock. The same seed gives the same stalls.
#pragma once

#include <cstdint>

class Stalls {
 public:
  // A channel that waits in none of its clocks if `seed` is 0.
  Stalls(uint64_t seed, unsigned channel) : state_(seed ? (seed << 8 | (channel + 1)) * 0x9e3779b97f4a7c15ULL : 0) {}

  // To be asked once in each clock. Runs of waiting and of not waiting alternate, mostly short.
  bool wait() {
    if (!state_) return false;
    while (left_ == 0) {
      waiting_ = !waiting_;
      left_ = random() % (random() % 16 ? 5 : 40);
    }
    --left_;
    return waiting_;
  }

 private:
  uint64_t random() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1dULL >> 33;
  }

  uint64_t state_;
  unsigned left_ = 0;
  bool waiting_ = false;
};
