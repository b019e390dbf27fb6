// A value with DROP fraction bits fewer: rounded to nearest, ties to even (RND_CONV), then limited to OUT_BITS (SAT).
// Combinational.
module round_saturate #(
    parameter int IN_BITS = 16,
    parameter int DROP = 4,
    parameter int OUT_BITS = 16
) (
    input  logic signed [ IN_BITS-1:0] in,
    output logic signed [OUT_BITS-1:0] out
);
  localparam int WIDE_BITS = (IN_BITS > OUT_BITS ? IN_BITS : OUT_BITS) + 1;

  logic signed [WIDE_BITS-1:0] rounded;

  if (DROP == 0) begin : exact
    assign rounded = WIDE_BITS'(in);
  end else begin : rounding
    // Half of the last bit less one, and that one if the result would be odd: a tie then carries only into an odd result.
    localparam logic signed [WIDE_BITS-1:0] BELOW_HALF = (1 <<< (DROP - 1)) - 1;
    logic signed [WIDE_BITS-1:0] raised;
    assign raised  = WIDE_BITS'(in) + BELOW_HALF + $signed({{WIDE_BITS - 1{1'b0}}, in[DROP]});
    assign rounded = raised >>> DROP;
  end

  // In the range, all bits from the sign of the result upwards are equal. That is less logic than two comparisons.
  logic sign, in_range;
  logic [WIDE_BITS-OUT_BITS:0] upper;
  assign sign = rounded[WIDE_BITS-1];
  assign upper = rounded[WIDE_BITS-1:OUT_BITS-1];
  assign in_range = upper == {(WIDE_BITS - OUT_BITS + 1) {sign}};
  if (OUT_BITS == 1) begin : one_bit
    assign out = in_range ? rounded[0] : sign;
  end else begin : more_bits
    assign out = in_range ? rounded[OUT_BITS-1:0] : {sign, {(OUT_BITS - 1) {!sign}}};
  end
endmodule
