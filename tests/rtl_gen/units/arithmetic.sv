// The arithmetic modules of the library, many instances of each, for tests that give them every input.
//
// Each group of instances has its own clock, a bit of `clk`, so that a simulation computes only the group that is tested.
// All take their inputs from `in`; each instance has 16 bits of its group's output. `round_saturate` and `saturating_sum`,
// which are combinational, have a register in front. See test_units.py for the groups, in the same order.
module arithmetic (
    input logic [37:0] clk,
    input logic [63:0] in,
    output logic [2*16-1:0] tables,
    output logic [64*16-1:0] sums,
    output logic [128*16-1:0] products,
    output logic [9*16-1:0] cell_rounding,
    output logic [16-1:0] kept_rounding,
    output logic [136*16-1:0] peephole_rounding,
    output logic [136*16-1:0] peepholes,
    output logic [96*16-1:0] dots
);
  // Sigmoid and tanh.
  logic [6:0] sigmoid;
  logic signed [7:0] tanh;
  activation activation_sigmoid (
      .clk  (clk[0]),
      .value(in[15:0]),
      .entry(sigmoid)
  );
  activation #(
      .BOUND(3),
      .SHIFT(2),
      .ENTRY_BITS(8),
      .FILE("tanh.mem")
  ) activation_tanh (
      .clk  (clk[0]),
      .value(in[15:0]),
      .entry(tanh)
  );
  assign tables = {16'(tanh), 16'(sigmoid)};

  // Saturating sums: one a with 64 b, which differ in their lowest bits.
  logic [25:0] terms;
  always_ff @(posedge clk[1]) terms <= in[25:0];
  for (genvar k = 0; k < 64; k++) begin : sum
    saturating_sum saturating_sum_k (
        .a  (terms[25:10]),
        .b  ({terms[9:0], 6'(k)}),
        .sum(sums[k*16+:16])
    );
  end

  // Products of one value and one weight, for all widths and both roundings.
  for (genvar v = 1; v <= 8; v++) begin : value
    for (genvar w = 1; w <= 8; w++) begin : weight
      for (genvar even = 0; even < 2; even++) begin : ties
        localparam int ABSENT = v + w < 10 ? 10 - v - w : 0;
        localparam int PLACE = (v - 1) * 16 + (w - 1) * 2 + even;
        logic signed [15-ABSENT:0] sum;
        dot #(
            .LANES(1),
            .VALUE_BITS(v),
            .WEIGHT_BITS(w),
            .TIES_TO_EVEN(even)
        ) product (
            .clk(clk[2]),
            .values(in[0+:v]),
            .weights(in[8+:w]),
            .sum
        );
        assign products[PLACE*16+:16] = 16'(sum) <<< ABSENT;
      end
    end
  end

  // The roundings of `cell_state`: of i * g, of the hidden output for 1 to 8 activation bits, and of f * c.
  logic [15:0] value_16;
  logic [23:0] value_24;
  always_ff @(posedge clk[3]) value_16 <= in[15:0];
  always_ff @(posedge clk[4]) value_24 <= in[23:0];
  round_saturate #(
      .IN_BITS(16),
      .DROP(4),
      .OUT_BITS(16)
  ) round_added (
      .in (value_16),
      .out(cell_rounding[0+:16])
  );
  for (genvar a = 1; a <= 8; a++) begin : activation_bits
    logic signed [a-1:0] rounded;
    round_saturate #(
        .IN_BITS(16),
        .DROP(13 - a),
        .OUT_BITS(a)
    ) round_hidden (
        .in (value_16),
        .out(rounded)
    );
    assign cell_rounding[a*16+:16] = 16'(rounded);
  end
  round_saturate #(
      .IN_BITS(24),
      .DROP(6),
      .OUT_BITS(16)
  ) round_kept (
      .in (value_24),
      .out(kept_rounding)
  );

  // The rounding of `peephole`, and `peephole` itself, for all formats of a weight: a group for each width.
  for (genvar w = 1; w <= 16; w++) begin : peephole_bits
    logic [w+15:0] product;
    always_ff @(posedge clk[3+2*w]) product <= in[w+15:0];
    for (genvar i = 1; i <= w; i++) begin : integer_bits
      localparam int PLACE = w * (w - 1) / 2 + i - 1;
      round_saturate #(
          .IN_BITS(16 + w),
          .DROP(w - i),
          .OUT_BITS(16)
      ) round_product (
          .in (product),
          .out(peephole_rounding[PLACE*16+:16])
      );
      peephole #(
          .WEIGHT_BITS(w),
          .WEIGHT_INTEGER_BITS(i)
      ) peephole_w (
          .clk(clk[4+2*w]),
          .sum(in[15:0]),
          .state(in[31:16]),
          .weight(in[32+:w]),
          .gate_input(peepholes[PLACE*16+:16])
      );
    end
  end

  // Dot products of 1 to 130 lanes: the values are `in`, repeated; so are the weights, from another bit on. Sums of 16 bits,
  // then the same of 10 to 15 bits.
  localparam logic [12*8-1:0] LANES = {8'd1, 8'd2, 8'd3, 8'd4, 8'd5, 8'd7, 8'd8, 8'd9, 8'd16, 8'd17, 8'd64, 8'd130};
  localparam logic [4*8-1:0] BITS = {4'd1, 4'd1, 4'd3, 4'd2, 4'd5, 4'd6, 4'd8, 4'd8};
  for (genvar n = 0; n < 12; n++) begin : lanes
    for (genvar k = 0; k < 4; k++) begin : bits
      localparam int COUNT = 32'(LANES[(11-n)*8+:8]);
      localparam int VALUE_BITS = 32'(BITS[(3-k)*8+4+:4]);
      localparam int WEIGHT_BITS = 32'(BITS[(3-k)*8+:4]);
      localparam int ABSENT = VALUE_BITS + WEIGHT_BITS < 10 ? 10 - VALUE_BITS - WEIGHT_BITS : 0;
      for (genvar narrow = 0; narrow < 2; narrow++) begin : width
        localparam int PLACE = narrow * 48 + n * 4 + k;
        localparam int SUM_BITS = narrow == 0 ? 16 : 10 + PLACE % 6;
        logic signed [SUM_BITS-ABSENT-1:0] sum;
        dot #(
            .LANES(COUNT),
            .VALUE_BITS(VALUE_BITS),
            .WEIGHT_BITS(WEIGHT_BITS),
            .SUM_BITS(SUM_BITS)
        ) dot_product (
            .clk(clk[37]),
            .values((COUNT * VALUE_BITS)'({17{in}})),
            .weights((COUNT * WEIGHT_BITS)'({17{in[20:0], in[63:21]}})),
            .sum
        );
        assign dots[PLACE*16+:16] = 16'(sum) <<< ABSENT;
      end
    end
  end
endmodule
