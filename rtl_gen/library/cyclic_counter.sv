// 0, 1, ..., COUNT - 1, 0, ...: counts the clocks in which it is enabled.
module cyclic_counter #(
    parameter int COUNT = 2,
    parameter int BITS  = COUNT > 1 ? $clog2(COUNT) : 1
) (
    input logic clk,
    input logic rst,
    input logic enable,
    output logic [BITS-1:0] value
);
  always_ff @(posedge clk) begin
    if (enable) value <= value == BITS'(COUNT - 1) ? '0 : value + 1'b1;
    if (rst) value <= '0;
  end
endmodule
