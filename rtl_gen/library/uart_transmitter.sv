// Bytes to an asynchronous serial line: one start bit, eight data bits, the lowest one first, one stop bit.
//
// Latency: the start bit begins one clock after the one that takes the byte; the next byte is taken
// 10 * CLOCKS_PER_BIT + 1 clocks after it.
module uart_transmitter #(
    parameter int CLOCKS_PER_BIT = 8
) (
    input logic clk,
    input logic rst,
    input logic valid,
    output logic ready,
    input logic [7:0] value,
    output logic tx
);
  localparam int COUNT_BITS = $clog2(CLOCKS_PER_BIT);

  logic [COUNT_BITS-1:0] clocks_left;  // of the bit
  logic [3:0] bits_left;  // behind this one
  logic [8:0] bits;  // to send, the next one lowest; then stop bits
  logic bit_ends;
  assign bit_ends = clocks_left == '0;

  always_ff @(posedge clk) begin
    ready <= bit_ends && bits_left == 4'd0;
    if (valid && ready) begin
      ready       <= 1'b0;
      {bits, tx}  <= {1'b1, value, 1'b0};
      bits_left   <= 4'd9;
      clocks_left <= COUNT_BITS'(CLOCKS_PER_BIT - 1);
    end else if (!bit_ends) clocks_left <= clocks_left - 1'b1;
    else if (bits_left != 4'd0) begin
      {bits, tx}  <= {1'b1, bits};
      bits_left   <= bits_left - 4'd1;
      clocks_left <= COUNT_BITS'(CLOCKS_PER_BIT - 1);
    end
    if (rst) begin
      ready       <= 1'b0;
      tx          <= 1'b1;
      bits_left   <= 4'd0;
      clocks_left <= '0;
    end
  end
endmodule
