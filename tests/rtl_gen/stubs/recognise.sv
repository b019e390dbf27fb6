// In place of `recognise`, with its ports, to test the buses without a network. What it finds depends on every bit of the
// records and on their order: label n is byte n of a checksum plus n, and the last record's lowest 16 bits are the number
// of labels. A record's top 16 bits are the clocks to wait before the next one is taken.
module recognise #(
    parameter int INPUTS = 32,
    parameter int HIDDEN = 128,
    parameter int CLASSES = 82,
    parameter int ACTIVATION_BITS = 4,
    parameter int WEIGHT_BITS = 2,
    parameter int BIAS_BITS = 2,
    parameter int FC_WEIGHT_BITS = 2,
    parameter int FC_BIAS_BITS = 2,
    parameter int HAS_PEEPHOLES = 0,
    parameter int PEEPHOLE_BITS = 8,
    parameter int PEEPHOLE_INTEGER_BITS = 1,
    parameter int GATE_SUM_BITS = 16,
    parameter int HALF_SCORE_BITS = 16,
    parameter int SCORE_BITS = 16,
    parameter int PE = 1,
    parameter int SIMD_INPUT = 32,
    parameter int SIMD_RECURRENT = 128,
    parameter int PE_OUT = 1,
    parameter int MAX_COLUMNS = 732,
    parameter int MAX_LABELS = 95,
    parameter int WORDS = (INPUTS * ACTIVATION_BITS + 63) / 64
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [15:0] columns,
    input logic column_valid,
    output logic column_ready,
    input logic [64*WORDS-1:0] column,
    output logic found_valid,
    output logic [15:0] found,
    input logic [(MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1)-1:0] label_address,
    output logic [7:0] label,
    output logic gates_valid,
    output logic [PE*4*16-1:0] gates,
    output logic hidden_valid,
    output logic [HIDDEN*ACTIVATION_BITS-1:0] hidden,
    output logic scores_valid,
    output logic [PE_OUT*16-1:0] scores
);
  logic [16:0] left;
  logic [15:0] pause;
  logic [64*WORDS-1:0] checksum;
  logic [7:0] label_1;

  assign column_ready = left != 17'd0 && pause == 16'd0;
  assign gates_valid = column_valid && column_ready;
  assign gates = (PE * 64)'(column);
  assign hidden_valid = gates_valid;
  assign hidden = (HIDDEN * ACTIVATION_BITS)'(column);
  assign scores_valid = gates_valid;
  assign scores = (PE_OUT * 16)'(column);

  always_ff @(posedge clk) begin
    label_1 <= 8'(checksum >> (8 * (32'(label_address) % (8 * WORDS)))) + 8'(label_address);
    label <= label_1;
    found_valid <= 1'b0;
    if (pause != 16'd0) pause <= pause - 16'd1;
    if (start) begin
      left <= {columns, 1'b0};
      pause <= 16'd0;
      checksum <= '0;
    end else if (column_valid && column_ready) begin
      left <= left - 17'd1;
      pause <= column[64*WORDS-1-:16];
      checksum <= {checksum[64*WORDS-2:0], checksum[64*WORDS-1]} + column;
      found <= column[15:0];
      found_valid <= left == 17'd1;
    end
    if (rst) begin
      left <= 17'd0;
      pause <= 16'd0;
      found_valid <= 1'b0;
    end
  end
endmodule
