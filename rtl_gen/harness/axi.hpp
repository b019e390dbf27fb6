// Rules of AXI that every channel or burst of the design must keep.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>

#include "protocol.hpp"

static const unsigned WORD_BYTES = 8;
static const unsigned BURST_PAGE = 4096;  // bytes; no burst crosses a multiple of it

inline std::string hexadecimal(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// What the design sends on one channel: once VALID is high, it and the values beside it stay until READY.
template <std::size_t Values>
class SentChannel {
 public:
  explicit SentChannel(const char* name) : name_(name) {}

  void check(bool valid, bool ready, const std::array<uint64_t, Values>& values) {
    if (waiting_ && !valid) throw Failure(std::string(name_) + "valid fell before " + name_ + "ready.");
    if (waiting_ && values != values_)
      throw Failure("The values of " + std::string(name_) + "* changed while waiting.");
    waiting_ = valid && !ready;
    values_ = values;
  }

 private:
  const char* name_;
  bool waiting_ = false;
  std::array<uint64_t, Values> values_{};
};

struct Burst {
  uint64_t address;
  unsigned beats;

  // A burst of whole words at rising addresses, as the design asks for it.
  static Burst of(const char* name, uint64_t address, unsigned length, unsigned size, unsigned kind) {
    const std::string burst = "The burst of " + std::string(name) + "* at " + hexadecimal(address);
    const Burst asked = {address, length + 1};
    if (kind != 1) throw Failure(burst + " is of kind " + std::to_string(kind) + "; it must be 1, INCR.");
    if (size != 3) throw Failure(burst + " has size " + std::to_string(size) + "; it must be 3, 8 bytes a beat.");
    if (address % WORD_BYTES) throw Failure(burst + " does not begin at a multiple of 8.");
    if (address / BURST_PAGE != (address + asked.bytes() - 1) / BURST_PAGE)
      throw Failure(burst + " with " + std::to_string(asked.beats) + " beats crosses a multiple of 4096.");
    return asked;
  }

  unsigned bytes() const { return beats * WORD_BYTES; }
};
