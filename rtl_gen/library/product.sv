// Product of two signed values in look-up tables: no multiplier of the chip. Combinational.
//
// Vivado has good multipliers in look-up tables. Those of yosys are two to three times as large as what is written out for
// it here, in which the operand with fewer bits is digits of two bits. Each digit chooses a multiple of the other operand,
// 0, 1, 2 or 3 times; the highest digit is -2 to 1, or -1 to 0 where only one bit is left for it. A negative multiple is
// inverted, and the 1 that is missing is the carry into the addition of the highest digit.
module product #(
    parameter int A_BITS = 4,
    parameter int B_BITS = 2
) (
    input logic signed [A_BITS-1:0] a,
    input logic signed [B_BITS-1:0] b,
    output logic signed [A_BITS+B_BITS-1:0] out
);
`ifndef YOSYS
  (* use_dsp = "no" *) logic signed [A_BITS+B_BITS-1:0] exact;
  assign exact = (A_BITS + B_BITS)'(a) * (A_BITS + B_BITS)'(b);
  assign out   = exact;
`else
  localparam int FEW = A_BITS < B_BITS ? A_BITS : B_BITS;
  localparam int MANY = A_BITS < B_BITS ? B_BITS : A_BITS;
  localparam int DIGITS = (FEW + 1) / 2;
  localparam int BITS = MANY + 2;  // of a multiple
  localparam int LEVELS = $clog2(DIGITS);

  logic signed [ FEW-1:0] digits;
  logic signed [MANY-1:0] x;
  if (A_BITS < B_BITS) begin : digits_of_a
    assign digits = a;
    assign x = b;
  end else begin : digits_of_b
    assign digits = b;
    assign x = a;
  end

  /* verilator lint_off UNUSEDSIGNAL */
  logic signed [BITS-1:0] once, twice, thrice;  // a digit of one bit needs the first one only
  /* verilator lint_on UNUSEDSIGNAL */
  assign once   = BITS'(x);
  assign twice  = BITS'(x) <<< 1;
  assign thrice = once + twice;

  // Level 0 is the multiples; node n of level l adds nodes 2n and 2n + 1 of level l - 1, the latter shifted.
  logic negative;
  for (genvar l = 0; l <= LEVELS; l++) begin : level
    localparam int NODES = (DIGITS + (1 << l) - 1) >> l;
    localparam int TERMS = l == 0 ? 0 : (DIGITS + (1 << (l - 1)) - 1) >> (l - 1);
    localparam int SHIFT = 1 << l;  // of the second term
    localparam int WIDE = MANY + (2 << l);
    for (genvar n = 0; n < NODES; n++) begin : node
      /* verilator lint_off UNUSEDSIGNAL */
      logic signed [WIDE-1:0] total;  // the highest digit of one bit leaves a bit unused
      /* verilator lint_on UNUSEDSIGNAL */
      if (l == 0 && n < DIGITS - 1) begin : multiple
        logic [1:0] digit;
        assign digit = digits[2*n+:2];
        always_comb
          case (digit)
            2'd0: total = '0;
            2'd1: total = once;
            2'd2: total = twice;
            default: total = thrice;
          endcase
      end else if (l == 0 && FEW % 2 == 1) begin : highest_bit
        assign negative = digits[FEW-1];
        assign total = negative ? ~once : '0;
      end else if (l == 0) begin : highest_digit
        logic [1:0] digit;
        assign digit = digits[FEW-1-:2];
        assign negative = digit[1];
        always_comb
          case (digit)
            2'd0: total = '0;
            2'd1: total = once;
            2'd2: total = ~twice;
            default: total = ~once;
          endcase
      end else if (2 * n + 1 < TERMS) begin : pair
        localparam int HALF = MANY + SHIFT;  // bits of a term
        logic signed [HALF-1:0] low, high;
        logic signed [HALF-1:0] upper;
        assign low  = level[l-1].node[2*n].total;
        assign high = level[l-1].node[2*n+1].total;
        if (n == NODES - 1 && l == (DIGITS == 3 ? 2 : 1)) begin : with_highest
          assign upper = HALF'(low >>> SHIFT) + high + $signed(HALF'({1'b0, negative}));
        end else begin : others
          assign upper = HALF'(low >>> SHIFT) + high;
        end
        assign total = {upper, low[SHIFT-1:0]};
      end else begin : single
        assign total = WIDE'(level[l-1].node[2*n].total);
      end
    end
  end

  if (DIGITS == 1) begin : one_digit
    assign out = (A_BITS + B_BITS)'(level[0].node[0].total) + $signed((A_BITS + B_BITS)'({1'b0, negative}));
  end else begin : more_digits
    assign out = level[LEVELS].node[0].total[A_BITS+B_BITS-1:0];
  end
`endif
endmodule
