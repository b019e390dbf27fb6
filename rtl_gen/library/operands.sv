// The values of one fold, of FOLDS folds with BITS bits each; 0 where they are not enabled. Latency: 2 clocks.
module operands #(
    parameter int BITS = 8,
    parameter int FOLDS = 2,
    parameter int INDEX_BITS = 1
) (
    input logic clk,
    input logic enable,
    input logic [FOLDS*BITS-1:0] values,
    /* verilator lint_off UNUSEDSIGNAL */
    input logic [INDEX_BITS-1:0] fold,  // the side with fewer folds does not use all of it
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [BITS-1:0] lanes
);
  logic [BITS-1:0] selected;
  always_ff @(posedge clk) lanes <= selected;

  if (FOLDS == 1) begin : whole
    always_ff @(posedge clk) selected <= enable ? values : '0;
  end else begin : one_fold
    localparam int USED_BITS = $clog2(FOLDS);
    // Bit by bit: yosys makes a multiplication and a shifter of the index of a fold whose bits are not a power of 2.
    for (genvar b = 0; b < BITS; b++) begin : lane_bit
      logic [FOLDS-1:0] choices;
      for (genvar k = 0; k < FOLDS; k++) begin : of_fold
        assign choices[k] = values[k*BITS+b];
      end
      always_ff @(posedge clk) selected[b] <= enable && choices[fold[USED_BITS-1:0]];
    end
  end
endmodule
