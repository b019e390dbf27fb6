// The memory behind the two master ports. Its contents are Python's; its timing is here.
//
// Without stalls all READY are high. The first beat of a read comes `latency` clocks after the address was taken, then
// one beat in every clock, and bursts follow each other without a gap. The response to a write comes `latency` clocks
// after its last beat was taken.
#pragma once

#include <algorithm>
#include <deque>
#include <vector>

#include "Model.h"
#include "axi.hpp"
#include "stalls.hpp"

// A queue of answers, each of which may be offered from a clock on; an offered one stays until it is taken.
template <class Answer>
class Answers {
 public:
  void push(uint64_t earliest, const Answer& answer) { queue_.push_back({earliest, answer}); }

  // The answer that is offered in this clock; null if there is none.
  const Answer* offer(uint64_t clock, bool wait) {
    if (!offering_) offering_ = !queue_.empty() && queue_.front().earliest <= clock && !wait;
    return offering_ ? &queue_.front().answer : nullptr;
  }

  void taken() {
    queue_.pop_front();
    offering_ = false;
  }

 private:
  struct Entry {
    uint64_t earliest;
    Answer answer;
  };
  std::deque<Entry> queue_;
  bool offering_ = false;
};

class ReadMemory {
 public:
  ReadMemory(Model& top, const Channel& python, uint64_t seed, unsigned latency)
      : top_(top), python_(python), latency_(latency), address_stalls_(seed, 0), data_stalls_(seed, 1) {}

  void drive(uint64_t clock) {
    top_.m_axi_read_arready = !address_stalls_.wait();
    const Beat* beat = beats_.offer(clock, data_stalls_.wait());
    top_.m_axi_read_rvalid = beat != nullptr;
    top_.m_axi_read_rdata = beat ? beat->data : 0;
    top_.m_axi_read_rresp = beat ? beat->response : 0;
    top_.m_axi_read_rlast = beat && beat->last;
  }

  void sample(uint64_t clock) {
    const bool valid = top_.m_axi_read_arvalid, ready = top_.m_axi_read_arready;
    addresses_.check(valid, ready,
                     {top_.m_axi_read_araddr, top_.m_axi_read_arlen, top_.m_axi_read_arsize, top_.m_axi_read_arburst});
    if (top_.m_axi_read_rvalid && top_.m_axi_read_rready) beats_.taken();
    if (valid && ready) read(clock);
  }

 private:
  struct Beat {
    uint64_t data;
    unsigned response;
    bool last;
  };

  void read(uint64_t clock) {
    const Burst burst = Burst::of("m_axi_read_ar", top_.m_axi_read_araddr, top_.m_axi_read_arlen,
                                  top_.m_axi_read_arsize, top_.m_axi_read_arburst);
    Payload answer = python_.ask(READ_MEMORY, Payload().put(burst.address).put<uint32_t>(burst.bytes()));
    const unsigned response = answer.take<uint32_t>();
    for (unsigned n = 1; n <= burst.beats; ++n)
      beats_.push(clock + latency_, {answer.take<uint64_t>(), response, n == burst.beats});
  }

  Model& top_;
  const Channel& python_;
  unsigned latency_;
  Stalls address_stalls_, data_stalls_;
  SentChannel<4> addresses_{"m_axi_read_ar"};
  Answers<Beat> beats_;
};

class WriteMemory {
 public:
  WriteMemory(Model& top, const Channel& python, uint64_t seed, unsigned latency)
      : top_(top),
        python_(python),
        latency_(latency),
        address_stalls_(seed, 2),
        data_stalls_(seed, 3),
        response_stalls_(seed, 4) {}

  void drive(uint64_t clock) {
    top_.m_axi_write_awready = !address_stalls_.wait();
    top_.m_axi_write_wready = !data_stalls_.wait();
    const unsigned* response = responses_.offer(clock, response_stalls_.wait());
    top_.m_axi_write_bvalid = response != nullptr;
    top_.m_axi_write_bresp = response ? *response : 0;
  }

  void sample(uint64_t clock) {
    const bool address_valid = top_.m_axi_write_awvalid, address_ready = top_.m_axi_write_awready;
    addresses_.check(
        address_valid, address_ready,
        {top_.m_axi_write_awaddr, top_.m_axi_write_awlen, top_.m_axi_write_awsize, top_.m_axi_write_awburst});
    const bool data_valid = top_.m_axi_write_wvalid, data_ready = top_.m_axi_write_wready;
    data_.check(data_valid, data_ready, {top_.m_axi_write_wdata, top_.m_axi_write_wstrb, top_.m_axi_write_wlast});
    if (top_.m_axi_write_bvalid && top_.m_axi_write_bready) responses_.taken();
    if (address_valid && address_ready)
      bursts_.push_back(Burst::of("m_axi_write_aw", top_.m_axi_write_awaddr, top_.m_axi_write_awlen,
                                  top_.m_axi_write_awsize, top_.m_axi_write_awburst));
    if (data_valid && data_ready)
      beats_.push_back({top_.m_axi_write_wdata, static_cast<uint8_t>(top_.m_axi_write_wstrb),
                        static_cast<bool>(top_.m_axi_write_wlast)});
    if (!bursts_.empty() && !beats_.empty()) match(clock);
  }

 private:
  struct Beat {
    uint64_t data;
    uint8_t strobes;
    bool last;
  };

  // Data may come before its address: beats wait until their burst is known.
  void match(uint64_t clock) {
    const Burst burst = bursts_.front();
    const std::size_t known = std::min<std::size_t>(beats_.size(), burst.beats);
    for (std::size_t n = 0; n < known; ++n)
      if (beats_[n].last != (n + 1 == burst.beats))
        throw Failure("m_axi_write_wlast is " + std::to_string(beats_[n].last) + " in beat " + std::to_string(n + 1) +
                      " of " + std::to_string(burst.beats) + ".");
    if (known < burst.beats) return;
    Payload request;
    request.put(burst.address);
    for (std::size_t n = 0; n < known; ++n) request.put(beats_[n].data);
    for (std::size_t n = 0; n < known; ++n) request.put(beats_[n].strobes);
    beats_.erase(beats_.begin(), beats_.begin() + known);
    bursts_.pop_front();
    responses_.push(clock + latency_, python_.ask(WRITE_MEMORY, request).take<uint32_t>());
  }

  Model& top_;
  const Channel& python_;
  unsigned latency_;
  Stalls address_stalls_, data_stalls_, response_stalls_;
  SentChannel<4> addresses_{"m_axi_write_aw"};
  SentChannel<3> data_{"m_axi_write_w"};
  std::deque<Burst> bursts_;
  std::deque<Beat> beats_;
  Answers<unsigned> responses_;
};
