// Columns from memory: direction 0's column t, then direction 1's, for t = 0, 1, ..., as one stream of records.
//
// An AXI4 read master. It asks for bursts that end where a multiple of their greatest length ends, so none crosses a
// boundary of 4 KiB, and for several before the first one's data comes: as many as there is room for in a queue of
// 64 words. So it never makes the memory wait. Memory without wait states and with up to 40 clocks between address and
// data gives one word per clock, except for one clock behind a first burst of one word. A record is WORDS words; the
// first one has its lowest bits.
//
// A word that answers no burst (of a line that a reset has ended) is dropped. The lowest 3 bits of the address are ignored.
//
// Latency: `start` to the first arvalid 3 clocks; a record's last word (rvalid) to column_valid 3 clocks. While the
// record is taken at once, column_valid is high every WORDS clocks.
module read_columns #(
    parameter int WORDS = 1,  // words of 64 bits in a record
    parameter int BURST = 16  // words of a burst: 2, 4, 8 or 16
) (
    input logic clk,
    input logic rst,

    input  logic        start,    // high for one clock
    input  logic [15:0] columns,  // columns of the line; each direction has a record of each
    input  logic [63:0] address,
    output logic        error,    // high for one clock: a word comes with an error response

    output logic                column_valid,
    input  logic                column_ready,
    output logic [64*WORDS-1:0] column,

    output logic [63:0] araddr,
    output logic [ 7:0] arlen,
    output logic [ 2:0] arsize,
    output logic [ 1:0] arburst,
    output logic [ 3:0] arcache,
    output logic [ 2:0] arprot,
    output logic        arvalid,
    input  logic        arready,
    input  logic [63:0] rdata,
    input  logic [ 1:0] rresp,
    input  logic        rlast,
    input  logic        rvalid,
    output logic        rready
);
  localparam int QUEUE_BITS = 6;
  localparam int QUEUE = 1 << QUEUE_BITS;
  localparam int BEAT_BITS = $clog2(BURST);
  localparam int COUNT_BITS = $clog2(2 * 65535 * WORDS + 1);  // of a line's words

  // Bursts. `ahead` is the address of the first word that was not asked for, `words_left` how many there are. In one
  // clock the length of the next burst is computed, in the next one it is asked for.
  logic [60:0] ahead;
  logic [COUNT_BITS-1:0] words_left;
  logic [BEAT_BITS-1:0] last_beat, to_boundary;
  logic length_known, ask, room;
  logic [QUEUE_BITS:0] free;  // words of the queue for which no burst was asked
  logic [QUEUE_BITS:0] awaited;  // words that were asked for and have not come
  logic [QUEUE_BITS:0] beats;
  logic come, fetch;

  assign to_boundary = ~ahead[BEAT_BITS-1:0];
  assign beats = (QUEUE_BITS + 1)'(last_beat) + 1'b1;
  assign room = free >= (QUEUE_BITS + 1)'(BURST);
  assign ask = length_known && room && (!arvalid || arready);

  always_ff @(posedge clk) begin
    if (rst) begin
      arvalid      <= 1'b0;
      length_known <= 1'b0;
      words_left   <= '0;
      free         <= (QUEUE_BITS + 1)'(QUEUE);
      awaited      <= '0;
    end else begin
      arvalid <= ask || (arvalid && !arready);
      length_known <= !start && !ask && words_left != '0;
      if (start) words_left <= COUNT_BITS'(columns) * COUNT_BITS'(2 * WORDS);
      else if (ask) words_left <= words_left - COUNT_BITS'(beats);
      free    <= free - (ask ? beats : '0) + (QUEUE_BITS + 1)'(fetch);
      awaited <= awaited + (ask ? beats : '0) - (QUEUE_BITS + 1)'(come);
    end
    if (start) ahead <= address[63:3];
    else if (ask) ahead <= ahead + 61'(beats);
    if (words_left > COUNT_BITS'(to_boundary)) last_beat <= to_boundary;
    else last_beat <= words_left[BEAT_BITS-1:0] - 1'b1;
    if (ask) begin
      araddr <= {ahead, 3'd0};
      arlen  <= 8'(last_beat);
    end
  end

  assign arsize  = 3'd3;
  assign arburst = 2'd1;
  assign arcache = 4'b0011;
  assign arprot  = 3'd0;

  // The queue. Its output register holds the next word, which is also free space again.
  logic [63:0] queue[0:QUEUE-1];
  logic [63:0] word;
  logic [QUEUE_BITS:0] write_index, read_index;
  logic word_valid, word_taken;

  assign rready = 1'b1;  // there is room for every word that was asked for
  assign come   = rvalid && awaited != '0;
  assign error  = come && rresp[1];
  assign fetch  = write_index != read_index && (!word_valid || word_taken);

  always_ff @(posedge clk) begin
    if (come) queue[write_index[QUEUE_BITS-1:0]] <= rdata;
    if (fetch) word <= queue[read_index[QUEUE_BITS-1:0]];
    if (rst) begin
      write_index <= '0;
      read_index  <= '0;
      word_valid  <= 1'b0;
    end else begin
      write_index <= write_index + (QUEUE_BITS + 1)'(come);
      read_index  <= read_index + (QUEUE_BITS + 1)'(fetch);
      word_valid  <= fetch || (word_valid && !word_taken);
    end
  end

  // The record: a shift register that words enter at the top.
  localparam int POSITION_BITS = WORDS > 1 ? $clog2(WORDS) : 1;
  logic [POSITION_BITS-1:0] position;  // of the next word in its record
  logic last_word;

  assign word_taken = word_valid && (!column_valid || column_ready);
  assign last_word  = position == POSITION_BITS'(WORDS - 1);

  always_ff @(posedge clk) begin
    if (word_taken) column <= (64 * WORDS)'({word, column} >> 64);
    if (rst) begin
      position     <= '0;
      column_valid <= 1'b0;
    end else begin
      if (word_taken) position <= last_word ? '0 : position + 1'b1;
      column_valid <= word_taken ? last_word : column_valid && !column_ready;
    end
  end

  // A burst's length is known, so its last beat needs no mark; only errors are responses of interest.
  logic unused;
  assign unused = &{1'b0, address[2:0], rlast, rresp[0]};
endmodule
