// Bytes from an asynchronous serial line: one start bit, eight data bits, the lowest one first, one stop bit.
//
// The line is looked at in the middle of each bit, counted from the falling edge of the start bit; a low level of less
// than half a bit is no start bit. A stop bit that is low makes a byte `broken`: noise, another rate, or a break, which is
// many such bytes. A sender's rate may differ by about 0.4 of a bit, less one clock, in ten.
//
// Latency: 3 + CLOCKS_PER_BIT / 2 + 9 * CLOCKS_PER_BIT clocks from the falling edge to `valid` or `broken`.
module uart_receiver #(
    parameter int CLOCKS_PER_BIT = 8  // at least 4
) (
    input logic clk,
    input logic rst,
    input logic rx,  // of another clock
    output logic idle,  // no byte is being received
    output logic valid,  // high for one clock, with the byte
    output logic broken,  // high for one clock, in place of `valid`
    output logic [7:0] value
);
  localparam int COUNT_BITS = $clog2(CLOCKS_PER_BIT);

  // Two registers, because the line changes at any moment.
  logic line_unstable, line;
  always_ff @(posedge clk) begin
    line_unstable <= rx;
    line <= line_unstable;
  end

  logic receiving;
  logic [COUNT_BITS-1:0] clocks_left;  // until the middle of the bit
  logic [3:0] bits_left;  // of the byte, with start and stop bit
  logic middle;
  assign middle = receiving && clocks_left == '0;
  assign idle   = !receiving;

  always_ff @(posedge clk) begin
    valid  <= 1'b0;
    broken <= 1'b0;
    if (!receiving) begin
      receiving   <= !line;
      clocks_left <= COUNT_BITS'(CLOCKS_PER_BIT / 2 - 1);
      bits_left   <= 4'd10;
    end else if (middle) begin
      clocks_left <= COUNT_BITS'(CLOCKS_PER_BIT - 1);
      bits_left   <= bits_left - 4'd1;
      if (bits_left == 4'd10) receiving <= !line;
      else if (bits_left != 4'd1) value <= {line, value[7:1]};
      else begin
        receiving <= 1'b0;
        valid <= line;
        broken <= !line;
      end
    end else clocks_left <= clocks_left - 1'b1;
    if (rst) begin
      receiving <= 1'b0;
      valid     <= 1'b0;
      broken    <= 1'b0;
    end
  end
endmodule
