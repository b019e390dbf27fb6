// The accelerator between its buffers: from the column records of a line to its labels. The stages work at the same time,
// each on what the one before it has delivered. Only the hidden layer waits, between two passes; nothing behind it does.
//
// GATE_SUM_BITS, HALF_SCORE_BITS and SCORE_BITS are the bits of the sums, 8 of them fraction bits, 10 to 16 each, and
// HALF_SCORE_BITS at most SCORE_BITS. With the weights of a design no gate sum and no score needs more
// (datapath/bounds.py), or else it has 16 bits and wraps.
module recognise #(
    parameter int INPUTS = 2,
    parameter int HIDDEN = 2,
    parameter int CLASSES = 2,
    parameter int ACTIVATION_BITS = 4,
    parameter int WEIGHT_BITS = 2,
    parameter int BIAS_BITS = 8,
    parameter int FC_WEIGHT_BITS = 8,
    parameter int FC_BIAS_BITS = 8,
    parameter int HAS_PEEPHOLES = 0,
    parameter int PEEPHOLE_BITS = 1,
    parameter int PEEPHOLE_INTEGER_BITS = 1,
    parameter int GATE_SUM_BITS = 16,
    parameter int HALF_SCORE_BITS = 16,
    parameter int SCORE_BITS = 16,
    parameter int PE = 1,
    parameter int SIMD_INPUT = 1,
    parameter int SIMD_RECURRENT = 1,
    parameter int PE_OUT = 1,
    parameter int MAX_COLUMNS = 2,
    parameter int MAX_LABELS = 1,
    parameter int WORDS = (INPUTS * ACTIVATION_BITS + 63) / 64,
    parameter int LABEL_ADDRESS_BITS = MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [15:0] columns,  // stable until `found_valid`

    // Records: direction 0's column t, then direction 1's; pixel r at bit r * ACTIVATION_BITS.
    input logic column_valid,
    output logic column_ready,
    /* verilator lint_off UNUSEDSIGNAL */
    input logic [64*WORDS-1:0] column,  // its last bits are padding
    /* verilator lint_on UNUSEDSIGNAL */

    output logic found_valid,
    output logic [15:0] found,  // labels, also those that exceed MAX_LABELS
    input logic [LABEL_ADDRESS_BITS-1:0] label_address,
    output logic [7:0] label,  // two clocks after its address

    // For observation.
    output logic gates_valid,
    output logic [PE*64-1:0] gates,
    output logic hidden_valid,
    output logic [HIDDEN*ACTIVATION_BITS-1:0] hidden,
    output logic scores_valid,
    output logic [PE_OUT*16-1:0] scores
);
  localparam int QUEUE_WORDS = 15;

  // The lowest fraction bits that neither products nor biases of the output layer have are in no half score and no score.
  localparam int PRODUCT_ABSENT = ACTIVATION_BITS + FC_WEIGHT_BITS < 10 ? 10 - ACTIVATION_BITS - FC_WEIGHT_BITS : 0;
  localparam int BIAS_ABSENT = 9 - FC_BIAS_BITS;
  localparam int ABSENT_BITS = PRODUCT_ABSENT < BIAS_ABSENT ? PRODUCT_ABSENT : BIAS_ABSENT;
  localparam int HALF_BITS = HALF_SCORE_BITS - ABSENT_BITS;
  localparam int JOINED_BITS = SCORE_BITS - ABSENT_BITS;

  logic hidden_taken, halves_valid, best_valid;
  logic [PE_OUT*HALF_BITS-1:0] halves;
  logic [PE_OUT*JOINED_BITS-1:0] joined;  // scores without the bits that none has
  logic signed [JOINED_BITS-1:0] best_value;
  logic [7:0] best_label;

  hidden_layer #(
      .INPUTS(INPUTS),
      .HIDDEN(HIDDEN),
      .ACTIVATION_BITS(ACTIVATION_BITS),
      .WEIGHT_BITS(WEIGHT_BITS),
      .BIAS_BITS(BIAS_BITS),
      .HAS_PEEPHOLES(HAS_PEEPHOLES),
      .PEEPHOLE_BITS(PEEPHOLE_BITS),
      .PEEPHOLE_INTEGER_BITS(PEEPHOLE_INTEGER_BITS),
      .SUM_BITS(GATE_SUM_BITS),
      .PE(PE),
      .SIMD_INPUT(SIMD_INPUT),
      .SIMD_RECURRENT(SIMD_RECURRENT),
      .MAX_COLUMNS(MAX_COLUMNS),
      .QUEUE_WORDS(QUEUE_WORDS)
  ) hidden_layer (
      .clk,
      .rst,
      .start,
      .columns,
      .column_valid,
      .column_ready,
      .column(column[INPUTS*ACTIVATION_BITS-1:0]),
      .hidden_valid,
      .hidden,
      .hidden_taken,
      .gates_valid,
      .gates
  );

  output_layer #(
      .HIDDEN(HIDDEN),
      .CLASSES(CLASSES),
      .ACTIVATION_BITS(ACTIVATION_BITS),
      .WEIGHT_BITS(FC_WEIGHT_BITS),
      .BIAS_BITS(FC_BIAS_BITS),
      .SUM_BITS(HALF_SCORE_BITS),
      .PE_OUT(PE_OUT),
      .QUEUE_WORDS(QUEUE_WORDS)
  ) output_layer (
      .clk,
      .rst,
      .hidden_valid,
      .hidden,
      .hidden_taken,
      .halves_valid,
      .halves
  );

  join_directions #(
      .CLASSES(CLASSES),
      .PE_OUT(PE_OUT),
      .MAX_COLUMNS(MAX_COLUMNS),
      .HALF_BITS(HALF_BITS),
      .SCORE_BITS(JOINED_BITS)
  ) join_directions (
      .clk,
      .rst,
      .start,
      .columns,
      .halves_valid,
      .halves,
      .scores_valid,
      .scores(joined)
  );
  for (genvar p = 0; p < PE_OUT; p++) begin : observe
    assign scores[p*16+:16] = 16'($signed(joined[p*JOINED_BITS+:JOINED_BITS])) <<< ABSENT_BITS;
  end

  best_classes #(
      .CLASSES(CLASSES),
      .PE_OUT(PE_OUT),
      .SCORE_BITS(JOINED_BITS)
  ) best_classes (
      .clk,
      .rst,
      .start,
      .scores_valid,
      .scores(joined),
      .best_valid,
      .value (best_value),
      .label (best_label)
  );

  write_labels #(
      .MAX_COLUMNS(MAX_COLUMNS),
      .MAX_LABELS (MAX_LABELS),
      .VALUE_BITS (JOINED_BITS)
  ) write_labels (
      .clk,
      .rst,
      .start,
      .columns,
      .best_valid,
      .value(best_value),
      .label(best_label),
      .found_valid,
      .found,
      .label_address,
      .stored_label(label)
  );
endmodule
