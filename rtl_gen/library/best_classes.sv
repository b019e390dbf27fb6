// Best class of each column. The running maximum restarts at 0 for each column and the running label does not: a column in
// which no score is positive has value 0 and the label of the column that arrived before it (0 for the first).
//
// Two scores are compared by the sign of their difference, which is less logic than a comparison.
//
// Latency: ceil(log2 PE_OUT) clocks for the highest score of a block, and 1 for the running maximum.
module best_classes #(
    parameter int CLASSES = 2,
    parameter int PE_OUT = 1,
    parameter int SCORE_BITS = 16
) (
    input logic clk,
    input logic rst,
    input logic start,

    input logic scores_valid,
    input logic [PE_OUT*SCORE_BITS-1:0] scores,

    output logic best_valid,
    output logic signed [SCORE_BITS-1:0] value,  // 0 for a blank column
    output logic [7:0] label
);
  localparam int BLOCKS = (CLASSES + PE_OUT - 1) / PE_OUT;
  localparam int BLOCK_BITS = BLOCKS > 1 ? $clog2(BLOCKS) : 1;
  localparam int LEVELS = $clog2(PE_OUT);

  // The first highest score of a block: node n of level l is the better one of nodes 2n and 2n + 1 of level l - 1.
  for (genvar l = 0; l <= LEVELS; l++) begin : level
    localparam int NODES = (PE_OUT + (1 << l) - 1) >> l;
    localparam int CANDIDATES = l == 0 ? 0 : (PE_OUT + (1 << (l - 1)) - 1) >> (l - 1);
    for (genvar n = 0; n < NODES; n++) begin : node
      logic signed [SCORE_BITS-1:0] score;
      logic [7:0] lane;
      if (l == 0) begin : input_score
        assign score = scores[n*SCORE_BITS+:SCORE_BITS];
        assign lane  = 8'(n);
      end else if (2 * n + 1 < CANDIDATES) begin : pair
        logic second;
        /* verilator lint_off UNUSEDSIGNAL */
        logic signed [SCORE_BITS:0] lead;  // of the first one
        /* verilator lint_on UNUSEDSIGNAL */
        assign lead   = (SCORE_BITS + 1)'(level[l-1].node[2*n].score) - (SCORE_BITS + 1)'(level[l-1].node[2*n+1].score);
        assign second = lead[SCORE_BITS];
        always_ff @(posedge clk) begin
          score <= second ? level[l-1].node[2*n+1].score : level[l-1].node[2*n].score;
          lane  <= second ? level[l-1].node[2*n+1].lane : level[l-1].node[2*n].lane;
        end
      end else begin : single
        always_ff @(posedge clk) begin
          score <= level[l-1].node[2*n].score;
          lane  <= level[l-1].node[2*n].lane;
        end
      end
    end
  end

  logic [LEVELS:0] valid;
  if (LEVELS == 0) begin : at_once
    assign valid = scores_valid;
  end else begin : later
    delay_flag #(
        .CLOCKS(LEVELS)
    ) delay_valid (
        .clk,
        .rst,
        .flag(scores_valid),
        .taps(valid)
    );
  end

  logic [BLOCK_BITS-1:0] block;
  logic [7:0] first_class;  // of the block
  logic last_block;
  logic first_block;  // of a column
  logic signed [SCORE_BITS-1:0] score, maximum;
  /* verilator lint_off UNUSEDSIGNAL */
  logic signed [SCORE_BITS:0] lead;  // of the maximum
  /* verilator lint_on UNUSEDSIGNAL */
  logic higher;
  assign last_block = block == BLOCK_BITS'(BLOCKS - 1);
  assign score = level[LEVELS].node[0].score;
  assign lead = (SCORE_BITS + 1)'(maximum) - (SCORE_BITS + 1)'(score);
  assign higher = first_block ? !score[SCORE_BITS-1] && score != '0 : lead[SCORE_BITS];

  always_ff @(posedge clk) begin
    best_valid <= valid[LEVELS] && last_block;
    if (valid[LEVELS]) begin
      block <= last_block ? '0 : block + 1'b1;
      first_class <= last_block ? '0 : first_class + 8'(PE_OUT);
      first_block <= last_block;
      if (higher) maximum <= score;
      else if (first_block) maximum <= '0;
      if (higher) label <= first_class + level[LEVELS].node[0].lane;
    end
    if (rst || start) begin
      block <= '0;
      first_block <= 1;
      first_class <= '0;
      label <= '0;
    end
    if (rst) best_valid <= 0;
  end
  assign value = label == '0 ? '0 : maximum;
endmodule
