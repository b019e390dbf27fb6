// A flag, and the same flag after each of 1 to CLOCKS clocks: `taps[n]` is `flag` n clocks ago. Reset clears all.
module delay_flag #(
    parameter int CLOCKS = 1
) (
    input logic clk,
    input logic rst,
    input logic flag,
    output logic [CLOCKS:0] taps
);
  logic [CLOCKS:1] line;
  always_ff @(posedge clk) line <= rst ? '0 : taps[CLOCKS-1:0];
  assign taps = {line, flag};
endmodule
