// A gate's input with a peephole: SAT16(sum + SAT16(RND_CONV(weight * state))). Latency: 3 clocks.
module peephole #(
    parameter int WEIGHT_BITS = 8,
    parameter int WEIGHT_INTEGER_BITS = 1,
    parameter int SUM_BITS = 16
) (
    input logic clk,
    input logic signed [SUM_BITS-1:0] sum,
    input logic signed [WEIGHT_BITS-1:0] weight,
    input logic signed [15:0] state,  // 0 where the peephole does not act
    output logic signed [15:0] gate_input
);
  localparam int PRODUCT_BITS = 16 + WEIGHT_BITS;

  logic signed [PRODUCT_BITS-1:0] product;
  logic signed [15:0] rounded, seen, total;
  logic signed [SUM_BITS-1:0] sum_then;
  always_ff @(posedge clk) product <= PRODUCT_BITS'(weight) * PRODUCT_BITS'(state);

  round_saturate #(
      .IN_BITS(PRODUCT_BITS),
      .DROP(WEIGHT_BITS - WEIGHT_INTEGER_BITS),
      .OUT_BITS(16)
  ) round_product (
      .in (product),
      .out(rounded)
  );
  always_ff @(posedge clk) seen <= rounded;

  delay #(
      .WIDTH (SUM_BITS),
      .CLOCKS(2)
  ) delay_sum (
      .clk,
      .in (sum),
      .out(sum_then)
  );
  saturating_sum add (
      .a  (16'(sum_then)),
      .b  (seen),
      .sum(total)
  );
  always_ff @(posedge clk) gate_input <= total;
endmodule
