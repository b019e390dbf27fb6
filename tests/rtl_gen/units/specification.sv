// The arithmetic modules of the library beside their rules, stated in another way, for proofs with yosys: in each module
// `equal` is 1 for every input, bit by bit.

// Rounding: the quotient, and one more where the remainder exceeds a half, or is a half and the quotient odd.
module rounding_rule #(
    parameter int IN_BITS = 16,
    parameter int DROP = 4,
    parameter int OUT_BITS = 16
) (
    input logic signed [IN_BITS-1:0] in,
    output logic equal
);
  logic signed [OUT_BITS-1:0] out;
  round_saturate #(
      .IN_BITS(IN_BITS),
      .DROP(DROP),
      .OUT_BITS(OUT_BITS)
  ) library_module (
      .in (in),
      .out(out)
  );

  logic signed [39:0] quotient, remainder, half, nearest, limited;
  assign quotient = 40'(in) >>> DROP;
  assign remainder = 40'(in) - (quotient <<< DROP);
  assign half = DROP > 0 ? 40'sd1 <<< (DROP - 1) : 40'sd1;
  assign nearest = remainder > half || (remainder == half && quotient[0]) ? quotient + 40'sd1 : quotient;
  localparam logic signed [39:0] HIGHEST = (40'sd1 <<< (OUT_BITS - 1)) - 40'sd1;
  assign limited = nearest > HIGHEST ? HIGHEST : nearest < -HIGHEST - 40'sd1 ? -HIGHEST - 40'sd1 : nearest;
  assign equal   = limited == 40'(out);
endmodule

module sum_rule (
    input logic signed [15:0] a,
    input logic signed [15:0] b,
    output logic equal
);
  logic signed [15:0] sum;
  saturating_sum library_module (
      .a  (a),
      .b  (b),
      .sum(sum)
  );

  logic signed [39:0] exact, limited;
  assign exact   = 40'(a) + 40'(b);
  assign limited = exact > 40'sd32767 ? 40'sd32767 : exact < -40'sd32768 ? -40'sd32768 : exact;
  assign equal   = limited == 40'(sum);
endmodule
