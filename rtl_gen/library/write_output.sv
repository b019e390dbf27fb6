// The result of a line to memory: word 0, the number of labels found or all ones for a line that failed, and behind it
// one word for each label, as many as the label memory holds; of a line that failed, word 0 only.
//
// An AXI4 write master. Its bursts have at most 16 beats and end where a multiple of 128 bytes ends, so none crosses a
// boundary of 4 KiB. Addresses run ahead of data, by at most 15 bursts without a response. The lowest 3 bits of the
// address are ignored.
//
// Latency: `start` to the first awvalid 3 clocks, to the first wvalid 4 clocks; then one word per clock, if the memory
// takes them. The last bvalid to `done` 1 clock. So n words take 4 + n + R clocks from `start` to `done`, if a memory
// without wait states has bvalid high R clocks after the last word.
module write_output #(
    parameter int MAX_LABELS = 95,  // at most 65535
    parameter int LABEL_INDEX_BITS = 7  // at least those of MAX_LABELS - 1
) (
    input logic clk,
    input logic rst,

    input  logic                        start,          // high for one clock; the next three are read in it
    input  logic                        failed,
    input  logic [                15:0] found,          // labels, also those that the label memory has no room for
    input  logic [                63:0] address,
    output logic [LABEL_INDEX_BITS-1:0] label_address,
    input  logic [                 7:0] label,          // two clocks after its address
    output logic                        done,           // high for one clock
    output logic                        error,          // high for one clock: a response is an error

    output logic [63:0] awaddr,
    output logic [ 7:0] awlen,
    output logic [ 2:0] awsize,
    output logic [ 1:0] awburst,
    output logic [ 3:0] awcache,
    output logic [ 2:0] awprot,
    output logic        awvalid,
    input  logic        awready,
    output logic [63:0] wdata,
    output logic [ 7:0] wstrb,
    output logic        wlast,
    output logic        wvalid,
    input  logic        wready,
    input  logic [ 1:0] bresp,
    input  logic        bvalid,
    output logic        bready
);
  localparam int COUNT_BITS = 17;  // of a number of words

  logic [COUNT_BITS-1:0] words;
  always_comb begin
    if (failed) words = COUNT_BITS'(1);
    else if (found < 16'(MAX_LABELS)) words = COUNT_BITS'(found) + 1'b1;
    else words = COUNT_BITS'(MAX_LABELS + 1);
  end

  // Addresses, as in read_columns: in one clock the length of the next burst is computed, in the next one it is asked for.
  logic [60:0] ahead;
  logic [COUNT_BITS-1:0] words_left;  // for which no burst was asked
  logic [3:0] last_beat, to_boundary;
  logic length_known, ask, answered;
  logic [3:0] awaited;  // bursts without a response
  logic [3:0] addressed;  // bursts that were asked for and whose last word was not sent
  logic send_last;

  assign to_boundary = ~ahead[3:0];
  assign ask = length_known && awaited != 4'd15 && (!awvalid || awready);
  assign answered = bvalid && awaited != 4'd0;

  always_ff @(posedge clk) begin
    if (rst) begin
      awvalid      <= 1'b0;
      length_known <= 1'b0;
      words_left   <= '0;
      awaited      <= 4'd0;
      addressed    <= 4'd0;
    end else begin
      awvalid      <= ask || (awvalid && !awready);
      length_known <= !start && !ask && words_left != '0;
      if (start) words_left <= words;
      else if (ask) words_left <= words_left - COUNT_BITS'(last_beat) - 1'b1;
      awaited   <= awaited + 4'(ask) - 4'(answered);
      addressed <= addressed + 4'(ask) - 4'(send_last);
    end
    if (start) ahead <= address[63:3];
    else if (ask) ahead <= ahead + 61'(last_beat) + 1'b1;
    if (words_left > COUNT_BITS'(to_boundary)) last_beat <= to_boundary;
    else last_beat <= words_left[3:0] - 1'b1;
    if (ask) begin
      awaddr <= {ahead, 3'd0};
      awlen  <= {4'd0, last_beat};
    end
  end

  assign awsize  = 3'd3;
  assign awburst = 2'd1;
  assign awcache = 4'b0011;
  assign awprot  = 3'd0;

  // Labels: one is asked for in each clock, as long as the queue has room for it.
  localparam logic [LABEL_INDEX_BITS-1:0] LAST_LABEL = LABEL_INDEX_BITS'(MAX_LABELS - 1);
  logic [7:0] labels[0:3];
  logic [2:0] write_index, read_index;
  logic [2:0] free;  // places of the queue for which no label was asked
  logic asked, coming, come, take_label;

  assign asked = free != 3'd0;

  always_ff @(posedge clk) begin
    if (come) labels[write_index[1:0]] <= label;
    if (rst || start) begin
      label_address <= '0;
      write_index   <= 3'd0;
      read_index    <= 3'd0;
      free          <= 3'd4;
      coming        <= 1'b0;
      come          <= 1'b0;
    end else begin
      if (asked && label_address != LAST_LABEL) label_address <= label_address + 1'b1;
      coming      <= asked;
      come        <= coming;
      write_index <= write_index + 3'(come);
      read_index  <= read_index + 3'(take_label);
      free        <= free - 3'(asked) + 3'(take_label);
    end
  end

  // Words.
  logic [COUNT_BITS-1:0] words_to_send;
  logic [15:0] number;
  logic number_sent, failure;
  logic [3:0] slot;  // of the next word in 128 bytes of memory
  logic send, last_in_burst, busy;

  // A label may go with its burst's address. The number goes one clock behind its own, so that the first label follows
  // it at once, even where that is a burst's first word.
  assign send = words_to_send != '0 && (!wvalid || wready) &&
      (number_sent ? write_index != read_index && (addressed != 4'd0 || ask) : addressed != 4'd0);
  assign take_label = send && number_sent;
  assign last_in_burst = slot == 4'd15 || words_to_send == COUNT_BITS'(1);
  assign send_last = send && last_in_burst;
  assign done = busy && words_to_send == '0 && awaited == 4'd0;
  assign wstrb = 8'hFF;
  assign bready = 1'b1;
  assign error = answered && bresp[1];

  always_ff @(posedge clk) begin
    if (start) begin
      number  <= found;
      failure <= failed;
      slot    <= address[6:3];
    end else if (send) begin
      slot <= slot + 1'b1;
    end
    if (send) begin
      wdata <= number_sent ? {56'd0, labels[read_index[1:0]]} : failure ? '1 : {48'd0, number};
      wlast <= last_in_burst;
    end
    if (rst) begin
      words_to_send <= '0;
      wvalid        <= 1'b0;
      busy          <= 1'b0;
    end else begin
      if (start) words_to_send <= words;
      else if (send) words_to_send <= words_to_send - 1'b1;
      wvalid <= send || (wvalid && !wready);
      busy   <= start || (busy && !done);
    end
    number_sent <= !start && (number_sent || send);
  end

  logic unused;
  assign unused = &{1'b0, address[2:0], bresp[0]};
endmodule
