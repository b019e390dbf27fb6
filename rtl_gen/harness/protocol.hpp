// Frames on stdin and stdout: a kind and a length in bytes, 32 bits each, and as many bytes. All numbers are
// little-endian. Python sends commands. The harness answers each with DONE, or with FAILED and a message, and then ends;
// before that it may ask for memory, and Python answers with MEMORY. See rtl_gen/model.py.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

enum Kind : uint32_t {
  // From Python.
  RESET = 1,       // u64 seed of stalls (0: none), u32 latency of memory, u32 observe (0 or 1)
  WRITE_REGISTER,  // u32 address, u32 value
  READ_REGISTER,   // u32 address -> u32 value
  RUN,             // u64 clocks at most -> u64 clocks, u32 whether the line has ended
  WAVEFORM,        // i64 first and last clock of a line, the path of the file
  OBSERVED,        // -> u64 clocks of the line; gates, hidden, scores, each as its values and their clocks
  MEMORY,          // u32 response, the bytes that were read
  // From the harness.
  DONE = 32,     // what the command gives
  FAILED,        // a message
  READ_MEMORY,   // u64 address, u32 bytes
  WRITE_MEMORY,  // u64 address, the words, a byte of strobes for each word
};

// What ends the harness: its message goes to Python.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The bytes of a frame, written and read in order.
class Payload {
 public:
  Payload() = default;
  explicit Payload(std::string bytes) : bytes_(std::move(bytes)) {}

  template <class Number>
  Payload& put(Number value) {
    return put_bytes(&value, sizeof value);
  }

  Payload& put_bytes(const void* data, std::size_t size) {
    bytes_.append(static_cast<const char*>(data), size);
    return *this;
  }

  template <class Number>
  Number take() {
    Number value;
    if (bytes_.size() - taken_ < sizeof value) throw Failure("A frame is too short.");
    std::memcpy(&value, bytes_.data() + taken_, sizeof value);
    taken_ += sizeof value;
    return value;
  }

  std::string rest() const { return bytes_.substr(taken_); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

struct Frame {
  Kind kind;
  Payload payload;
};

class Channel {
 public:
  // Standard output is for frames alone: what the model prints goes to standard error.
  Channel() : output_(dup(STDOUT_FILENO)) { dup2(STDERR_FILENO, STDOUT_FILENO); }

  // The next frame; false at the end of the input.
  bool receive(Frame& frame) const {
    uint32_t head[2];
    if (!read_all(head, sizeof head)) return false;
    std::string bytes(head[1], '\0');
    if (!read_all(&bytes[0], bytes.size())) return false;
    frame.kind = static_cast<Kind>(head[0]);
    frame.payload = Payload(std::move(bytes));
    return true;
  }

  void send(Kind kind, const Payload& payload = Payload()) const {
    const std::string& bytes = payload.bytes();
    const uint32_t head[2] = {kind, static_cast<uint32_t>(bytes.size())};
    std::string frame(reinterpret_cast<const char*>(head), sizeof head);
    frame += bytes;
    for (std::size_t sent = 0; sent < frame.size();) {
      const ssize_t count = write(output_, frame.data() + sent, frame.size() - sent);
      if (count < 0) _exit(1);  // Python has ended
      sent += count;
    }
  }

  // Ask Python for memory; its answer.
  Payload ask(Kind kind, const Payload& payload) const {
    send(kind, payload);
    Frame answer;
    if (!receive(answer)) _exit(1);
    if (answer.kind != MEMORY) throw Failure("A request for memory was not answered.");
    return answer.payload;
  }

 private:
  static bool read_all(void* data, std::size_t size) {
    for (std::size_t got = 0; got < size;) {
      const ssize_t count = read(STDIN_FILENO, static_cast<char*>(data) + got, size - got);
      if (count <= 0) return false;
      got += count;
    }
    return true;
  }

  int output_;
};
