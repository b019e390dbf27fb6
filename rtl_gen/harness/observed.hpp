// Internal values that the observed top shows, and the clocks in which it shows them.
#pragma once

#include <vector>

#include "Model.h"
#include "protocol.hpp"

// Sizes of the design, from the command that compiles the harness.
static const unsigned GATE_LANES = 4 * PE, HIDDEN_LANES = HIDDEN, SCORE_LANES = PE_OUT;

// 32 bits of a port from bit 32 * n on. Verilator's type for a port depends on its width.
template <class Port>
uint64_t word_at(const Port& port, unsigned n) {
  return static_cast<uint64_t>(port) >> (32 * n) & 0xffffffff;
}
template <std::size_t Words>
uint64_t word_at(const VlWide<Words>& port, unsigned n) {
  return n < Words ? port[n] : 0;
}

class ObservedValues {
 public:
  void clear() {
    values_.clear();
    clocks_.clear();
  }

  // Lane n of the port has `bits` bits, 16 at most, in two's complement from bit n * bits on.
  template <class Port>
  void add(const Port& port, unsigned bits, unsigned lanes, uint64_t clock) {
    for (unsigned low = 0; low < lanes * bits; low += bits) {
      const uint64_t from = word_at(port, low / 32) | (low % 32 + bits > 32 ? word_at(port, low / 32 + 1) << 32 : 0);
      const uint16_t left = static_cast<uint16_t>(from >> (low % 32) << (16 - bits));
      values_.push_back(static_cast<int16_t>(static_cast<int16_t>(left) >> (16 - bits)));
    }
    clocks_.push_back(static_cast<uint32_t>(clock));
  }

  void put(Payload& payload) const {
    const std::size_t values = values_.size() * sizeof(int16_t), clocks = clocks_.size() * sizeof(uint32_t);
    payload.put<uint32_t>(values).put_bytes(values_.data(), values);
    payload.put<uint32_t>(clocks).put_bytes(clocks_.data(), clocks);
  }

 private:
  std::vector<int16_t> values_;
  std::vector<uint32_t> clocks_;
};

// The values of one line, the latest that was started.
class ObservedLine {
 public:
  void sample(const Model& top, uint64_t clock) {
    if (top.observe_gates_valid) gates_.add(top.observe_gates, 16, GATE_LANES, clock);
    if (top.observe_hidden_valid) hidden_.add(top.observe_hidden, ACTIVATION_BITS, HIDDEN_LANES, clock);
    if (top.observe_scores_valid) scores_.add(top.observe_scores, 16, SCORE_LANES, clock);
  }

  void clear() {
    gates_.clear();
    hidden_.clear();
    scores_.clear();
  }

  void put(Payload& payload) const {
    gates_.put(payload);
    hidden_.put(payload);
    scores_.put(payload);
  }

 private:
  ObservedValues gates_, hidden_, scores_;
};
