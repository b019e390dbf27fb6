// Sigmoid or tanh of a value with 8 fraction bits, by a table of 256 entries over -BOUND..BOUND; values outside are
// clipped. Latency: 3 clocks.
//
// The index is floor((x + BOUND) * 255 / (2 * BOUND)). With x + BOUND in units of 1/256 that is one multiplication and a
// shift: by 51 / 2^9 for the sigmoid's bound 5, by 85 / 2^9 for tanh's bound 3. Both multipliers are 17 * (2^SHIFT + 1).
module activation #(
    parameter int BOUND = 5,
    parameter int SHIFT = 1,
    parameter int ENTRY_BITS = 7,
    parameter FILE = "sigmoid.mem"
) (
    input logic clk,
    input logic signed [15:0] value,
    output logic [ENTRY_BITS-1:0] entry
);
  localparam logic signed [15:0] LIMIT = 16'(BOUND * 256);

  // Each end of the range is the sign of a difference: that is less logic than a comparison.
  /* verilator lint_off UNUSEDSIGNAL */
  logic signed [16:0] from_lowest, from_highest;
  /* verilator lint_on UNUSEDSIGNAL */
  assign from_lowest  = 17'(value) + 17'(LIMIT);
  assign from_highest = 17'(value) - 17'(LIMIT);

  logic [11:0] offset;  // value + BOUND, clipped
  logic [14:0] some;  // offset * (2^SHIFT + 1)
  logic [18:0] scaled;
  logic [ 7:0] index;

  always_ff @(posedge clk) begin
    if (from_lowest[16]) offset <= '0;
    else if (!from_highest[16]) offset <= 12'(2 * LIMIT);
    else offset <= 12'(from_lowest);
  end

  assign some   = 15'(offset) + (15'(offset) << SHIFT);
  assign scaled = 19'(some) + (19'(some) << 4);
  always_ff @(posedge clk) index <= 8'(scaled >> 9);

  rom #(
      .WIDTH(ENTRY_BITS),
      .DEPTH(256),
      .FILE(FILE),
      .LATENCY(1),
      .LUTS(1)
  ) entries (
      .clk,
      .address(index),
      .word(entry)
  );
endmodule
