// Sum of two 16-bit values, limited to 16 bits (SAT). Combinational.
module saturating_sum (
    input  logic signed [15:0] a,
    input  logic signed [15:0] b,
    output logic signed [15:0] sum
);
  logic signed [16:0] wide;
  assign wide = 17'(a) + 17'(b);
  // The two highest bits differ where the sum has left the range; the highest is its sign.
  assign sum  = wide[16] == wide[15] ? wide[15:0] : {wide[16], {15{~wide[16]}}};
endmodule
