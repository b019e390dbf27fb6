// Runs the Verilated accelerator: register accesses, clocks and observed values for Python, over stdin and stdout.
//
// The design sees a processor at its register port, by real AXI4-Lite transactions, and a memory at its two master
// ports. Each command of Python lets as many clocks pass as it needs; see protocol.hpp.
#include <memory>

#if VM_TRACE
#include <verilated_vcd_c.h>
#endif

#include "Model.h"
#include "axi.hpp"
#include "memory.hpp"
#include "observed.hpp"
#include "protocol.hpp"
#include "stalls.hpp"

namespace {

const unsigned RESET_CLOCKS = 16;
const unsigned REGISTER_CLOCKS = 10000;  // a register access that takes longer never ends

// The processor's side of the register port: one transaction at a time.
class Processor {
 public:
  Processor(Model& top, uint64_t seed)
      : top_(top),
        write_address_stalls_(seed, 5),
        write_data_stalls_(seed, 6),
        write_response_stalls_(seed, 7),
        read_address_stalls_(seed, 8),
        read_data_stalls_(seed, 9) {}

  void write(uint32_t address, uint32_t value) {
    write_address_ = write_data_ = write_response_ = true;
    address_ = address;
    value_ = value;
  }

  void read(uint32_t address) {
    read_address_ = read_data_ = true;
    address_ = address;
  }

  bool busy() const { return write_address_ || write_data_ || write_response_ || read_address_ || read_data_; }
  uint32_t value() const { return value_; }

  void drive() {
    // A VALID that was high stays until it is taken.
    write_address_valid_ = write_address_ && (write_address_valid_ || !write_address_stalls_.wait());
    write_data_valid_ = write_data_ && (write_data_valid_ || !write_data_stalls_.wait());
    read_address_valid_ = read_address_ && (read_address_valid_ || !read_address_stalls_.wait());
    top_.s_axi_control_awvalid = write_address_valid_;
    top_.s_axi_control_awaddr = address_;
    top_.s_axi_control_wvalid = write_data_valid_;
    top_.s_axi_control_wdata = value_;
    top_.s_axi_control_wstrb = 0xf;
    top_.s_axi_control_bready = write_response_ && !write_response_stalls_.wait();
    top_.s_axi_control_arvalid = read_address_valid_;
    top_.s_axi_control_araddr = address_;
    top_.s_axi_control_rready = read_data_ && !read_data_stalls_.wait();
  }

  void sample() {
    const bool response = top_.s_axi_control_bvalid, data = top_.s_axi_control_rvalid;
    write_responses_.check(response, top_.s_axi_control_bready, {top_.s_axi_control_bresp});
    read_data_values_.check(data, top_.s_axi_control_rready, {top_.s_axi_control_rdata, top_.s_axi_control_rresp});
    if (response && (write_address_ || write_data_ || !write_response_))
      throw Failure("s_axi_control_bvalid is high without a write to respond to.");
    if (data && (read_address_ || !read_data_)) throw Failure("s_axi_control_rvalid is high without a read to answer.");
    if (write_address_valid_ && top_.s_axi_control_awready) write_address_ = write_address_valid_ = false;
    if (write_data_valid_ && top_.s_axi_control_wready) write_data_ = write_data_valid_ = false;
    if (read_address_valid_ && top_.s_axi_control_arready) read_address_ = read_address_valid_ = false;
    if (response && top_.s_axi_control_bready) {
      write_response_ = false;
      okay(top_.s_axi_control_bresp);
    }
    if (data && top_.s_axi_control_rready) {
      read_data_ = false;
      value_ = top_.s_axi_control_rdata;
      okay(top_.s_axi_control_rresp);
    }
  }

 private:
  void okay(unsigned response) const {
    if (response != 0)
      throw Failure("The access to register " + hexadecimal(address_) + " got response " + std::to_string(response) +
                    ".");
  }

  Model& top_;
  Stalls write_address_stalls_, write_data_stalls_, write_response_stalls_, read_address_stalls_, read_data_stalls_;
  // Which handshakes of the transaction are to come, and which VALID are high.
  bool write_address_ = false, write_data_ = false, write_response_ = false, read_address_ = false, read_data_ = false;
  bool write_address_valid_ = false, write_data_valid_ = false, read_address_valid_ = false;
  uint32_t address_ = 0, value_ = 0;
  SentChannel<1> write_responses_{"s_axi_control_b"};
  SentChannel<2> read_data_values_{"s_axi_control_r"};
};

class Harness {
 public:
  int serve() {
    for (Frame command; python_.receive(command);) {
      try {
        python_.send(DONE, answer(command));
      } catch (const Failure& failure) {
        python_.send(FAILED, Payload(failure.what()));
        return 1;
      }
    }
    return 0;
  }

 private:
  Payload answer(Frame& command) {
    Payload& payload = command.payload;
    if (command.kind != RESET && !processor_) throw Failure("The first command must be a reset.");
    switch (command.kind) {
      case RESET: {
        const uint64_t seed = payload.take<uint64_t>();
        const unsigned latency = payload.take<uint32_t>();
        reset(seed, latency, payload.take<uint32_t>() != 0);
        return Payload();
      }
      case WRITE_REGISTER: {
        const uint32_t address = payload.take<uint32_t>();
        processor_->write(address, payload.take<uint32_t>());
        finish_access(address);
        return Payload();
      }
      case READ_REGISTER: {
        const uint32_t address = payload.take<uint32_t>();
        processor_->read(address);
        finish_access(address);
        return Payload().put(processor_->value());
      }
      case RUN:
        return run(payload.take<uint64_t>());
      case WAVEFORM: {
        const int64_t first = payload.take<int64_t>(), last = payload.take<int64_t>();
        open_waveform(first, last, payload.rest());
        return Payload();
      }
      case OBSERVED: {
        Payload observed;
        observed.put<uint64_t>(ended_ ? end_ - start_ : 0);
        line_.put(observed);
        return observed;
      }
      default:
        throw Failure("There is no command " + std::to_string(command.kind) + ".");
    }
  }

  void reset(uint64_t seed, unsigned latency, bool observe) {
    if (latency == 0) throw Failure("The latency of memory is 0; it must be 1 or more clocks.");
    observe_ = observe;
    started_ = ended_ = false;
    line_.clear();
    top_->ap_rst_n = 0;
    for (unsigned n = 0; n < RESET_CLOCKS; ++n) {
      // All that was on its way is gone.
      processor_.reset(new Processor(*top_, seed));
      read_memory_.reset(new ReadMemory(*top_, python_, seed, latency));
      write_memory_.reset(new WriteMemory(*top_, python_, seed, latency));
      drive();
      edge();
    }
    if (top_->m_axi_read_arvalid || top_->m_axi_write_awvalid || top_->m_axi_write_wvalid ||
        top_->s_axi_control_bvalid || top_->s_axi_control_rvalid)
      throw Failure("A VALID of the design is high during a reset.");
    top_->ap_rst_n = 1;
  }

  void finish_access(uint32_t address) {
    for (unsigned n = 0; processor_->busy(); ++n) {
      if (n == REGISTER_CLOCKS)
        throw Failure("The access to register " + hexadecimal(address) + " did not end within " +
                      std::to_string(REGISTER_CLOCKS) + " clocks.");
      clock();
    }
  }

  Payload run(uint64_t clocks) {
    uint64_t passed = 0;
    for (; passed < clocks && !ended_; ++passed) clock();
    return Payload().put(passed).put<uint32_t>(ended_);
  }

  // One clock: inputs, then what the design shows before the edge, then the edge.
  void clock() {
    drive();
    if (top_->observe_start) {
      started_ = true;
      ended_ = false;
      start_ = now_;
      line_.clear();
    }
    if (top_->observe_done) {
      ended_ = true;
      end_ = now_;
    }
    if (observe_ && started_) line_.sample(*top_, now_ - start_);
    processor_->sample();
    read_memory_->sample(now_);
    write_memory_->sample(now_);
    edge();
  }

  void drive() {
    processor_->drive();
    read_memory_->drive(now_);
    write_memory_->drive(now_);
    top_->ap_clk = 0;
    top_->eval();
  }

  void edge() {
    dump(2 * now_);
    top_->ap_clk = 1;
    top_->eval();
    dump(2 * now_ + 1);
    ++now_;
  }

#if VM_TRACE
  void open_waveform(int64_t first, int64_t last, const std::string& path) {
    first_ = first;
    last_ = last;
    top_->trace(&waveform_, 99);
    waveform_.open(path.c_str());
    if (!waveform_.isOpen()) throw Failure("Cannot write " + path + ".");
  }

  // Clocks count from the start of the line; all clocks before are clock -1.
  void dump(uint64_t time) {
    const int64_t clock = started_ ? static_cast<int64_t>(now_ - start_) : -1;
    if (waveform_.isOpen() && first_ <= clock && clock <= last_) waveform_.dump(time);
  }

  int64_t first_ = 0, last_ = 0;
#else
  void open_waveform(int64_t, int64_t, const std::string&) {
    throw Failure("This build of the model writes no waveforms.");
  }
  void dump(uint64_t) {}
#endif

  Channel python_;
  std::unique_ptr<Model> top_{new Model};
  std::unique_ptr<Processor> processor_;
  std::unique_ptr<ReadMemory> read_memory_;
  std::unique_ptr<WriteMemory> write_memory_;
  ObservedLine line_;
  bool observe_ = false, started_ = false, ended_ = false;
  uint64_t now_ = 0, start_ = 0, end_ = 0;
#if VM_TRACE
  VerilatedVcdC waveform_;
#endif
};

}  // namespace

int main(int argc, char** argv) {
  Verilated::commandArgs(argc, argv);
#if VM_TRACE
  Verilated::traceEverOn(true);
#endif
  return Harness().serve();
}
