// Dot product of LANES values with as many weights, both signed with one integer bit, as a sum of SUM_BITS bits, 8 of
// them fraction bits, that wraps.
//
// Each product with more than 8 fraction bits is rounded before it is added: to nearest, a tie toward zero (gates,
// RND_ZERO) or to the even neighbour (TIES_TO_EVEN, class scores, RND_CONV). The ABSENT_BITS lowest fraction bits, which no
// product has, are not part of `sum`. No term of the adder tree is wider than the sum: modulo 2^SUM_BITS, what is left out
// changes nothing.
//
// Latency: 1 clock for the products, 1 for their rounding where they are rounded, and 1 for each two levels of the adder
// tree, ceil(ceil(log2 LANES) / 2).
module dot #(
    parameter int LANES = 2,
    parameter int VALUE_BITS = 4,
    parameter int WEIGHT_BITS = 2,
    parameter bit TIES_TO_EVEN = 0,
    parameter int SUM_BITS = 16,  // at least 10, those of a product
    parameter int ABSENT_BITS = VALUE_BITS + WEIGHT_BITS < 10 ? 10 - VALUE_BITS - WEIGHT_BITS : 0
) (
    input logic clk,
    input logic [LANES*VALUE_BITS-1:0] values,
    input logic [LANES*WEIGHT_BITS-1:0] weights,
    output logic signed [SUM_BITS-ABSENT_BITS-1:0] sum
);
  localparam int FRACTION_BITS = VALUE_BITS - 1 + WEIGHT_BITS - 1;  // of a product
  localparam int DROP = FRACTION_BITS > 8 ? FRACTION_BITS - 8 : 0;
  localparam int FULL_BITS = VALUE_BITS + WEIGHT_BITS;
  localparam int PRODUCT_BITS = FULL_BITS - DROP;
  localparam int TREE_BITS = SUM_BITS - ABSENT_BITS;
  localparam int LEVELS = $clog2(LANES);

  // Node n of level l adds nodes 2n and 2n + 1 of level l - 1; level 0 is the products. A sum has one bit more than its
  // terms, up to TREE_BITS.
  for (genvar l = 0; l <= LEVELS; l++) begin : level
    localparam int BITS = PRODUCT_BITS + l < TREE_BITS ? PRODUCT_BITS + l : TREE_BITS;
    localparam int NODES = (LANES + (1 << l) - 1) >> l;
    localparam int TERMS = l == 0 ? 0 : (LANES + (1 << (l - 1)) - 1) >> (l - 1);
    localparam bit REGISTERED = l % 2 == 0 || l == LEVELS;

    for (genvar n = 0; n < NODES; n++) begin : node
      logic signed [BITS-1:0] total;

      if (l == 0) begin : multiply
        logic signed [ VALUE_BITS-1:0] value;
        logic signed [WEIGHT_BITS-1:0] weight;
        logic signed [FULL_BITS-1:0] product, product_next;
        assign value  = values[n*VALUE_BITS+:VALUE_BITS];
        assign weight = weights[n*WEIGHT_BITS+:WEIGHT_BITS];
        product #(
            .A_BITS(VALUE_BITS),
            .B_BITS(WEIGHT_BITS)
        ) product_i (
            .a  (value),
            .b  (weight),
            .out(product_next)
        );
        always_ff @(posedge clk) product <= product_next;

        if (DROP > 0) begin : round
          localparam logic signed [FULL_BITS:0] BELOW_HALF = (1 <<< (DROP - 1)) - 1;
          logic up_at_tie;
          logic signed [FULL_BITS:0] raised;
          assign up_at_tie = TIES_TO_EVEN ? product[DROP] : product[FULL_BITS-1];
          assign raised = (FULL_BITS + 1)'(product) + BELOW_HALF + $signed({{FULL_BITS{1'b0}}, up_at_tie});
          always_ff @(posedge clk) total <= BITS'(raised >>> DROP);
        end else begin : exact
          assign total = product;
        end
      end else begin : add
        logic signed [BITS-1:0] next;
        if (2 * n + 1 < TERMS) begin : pair
          assign next = BITS'(level[l-1].node[2*n].total) + BITS'(level[l-1].node[2*n+1].total);
        end else begin : single
          assign next = BITS'(level[l-1].node[2*n].total);
        end
        if (REGISTERED) begin : stage
          always_ff @(posedge clk) total <= next;
        end else begin : within_stage
          assign total = next;
        end
      end
    end
  end

  assign sum = TREE_BITS'(level[LEVELS].node[0].total);
endmodule
