// The accelerator with a serial port in place of the buses of `accelerator`: lines from a host, labels to it. No memory
// holds a line; its records are computed while they come.
module serial_accelerator #(
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
    parameter int CLOCKS_PER_BIT = 50,
    parameter int GAP_CLOCKS = 5000000,
    parameter logic [255:0] DIGEST = '0
) (
    input logic clk,
    input logic rst,
    input logic rx,
    output logic tx,
    output logic receiving,
    output logic computing,
    output logic answering,
    output logic [3:0] status  // of the latest answer; see `serial_link`
);
  localparam int WORDS = (INPUTS * ACTIVATION_BITS + 63) / 64;  // of a record of `recognise`
  localparam int RECORD_BYTES = (INPUTS * ACTIVATION_BITS + 7) / 8;  // of one on the line, without its padding
  localparam int LABEL_ADDRESS_BITS = MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1;

  logic line_idle, come, broken, send, send_ready;
  logic [7:0] come_value, send_value;

  uart_receiver #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT)
  ) uart_receiver (
      .clk,
      .rst,
      .rx,
      .idle (line_idle),
      .valid(come),
      .broken,
      .value(come_value)
  );

  uart_transmitter #(
      .CLOCKS_PER_BIT(CLOCKS_PER_BIT)
  ) uart_transmitter (
      .clk,
      .rst,
      .valid(send),
      .ready(send_ready),
      .value(send_value),
      .tx
  );

  logic abandon, start, column_valid, column_ready, found_valid;
  logic [15:0] columns, found;
  logic [8*RECORD_BYTES-1:0] column;
  logic [LABEL_ADDRESS_BITS-1:0] label_address;
  logic [7:0] label;

  serial_link #(
      .RECORD_BYTES(RECORD_BYTES),
      .MAX_COLUMNS(MAX_COLUMNS),
      .MAX_LABELS(MAX_LABELS),
      .GAP_CLOCKS(GAP_CLOCKS),
      .DIGEST(DIGEST)
  ) serial_link (
      .clk,
      .rst,
      .line_idle,
      .come,
      .broken,
      .come_value,
      .send,
      .send_ready,
      .send_value,
      .abandon,
      .start,
      .columns,
      .column_valid,
      .column_ready,
      .column,
      .found_valid,
      .found,
      .label_address,
      .label,
      .receiving,
      .computing,
      .answering,
      .status
  );

  /* verilator lint_off UNUSEDSIGNAL */
  logic gates_valid, hidden_valid, scores_valid;  // for simulation only
  logic [PE*64-1:0] gates;
  logic [HIDDEN*ACTIVATION_BITS-1:0] hidden;
  logic [PE_OUT*16-1:0] scores;
  /* verilator lint_on UNUSEDSIGNAL */

  logic recognise_rst;
  always_ff @(posedge clk) recognise_rst <= rst || abandon;

  recognise #(
      .INPUTS(INPUTS),
      .HIDDEN(HIDDEN),
      .CLASSES(CLASSES),
      .ACTIVATION_BITS(ACTIVATION_BITS),
      .WEIGHT_BITS(WEIGHT_BITS),
      .BIAS_BITS(BIAS_BITS),
      .FC_WEIGHT_BITS(FC_WEIGHT_BITS),
      .FC_BIAS_BITS(FC_BIAS_BITS),
      .HAS_PEEPHOLES(HAS_PEEPHOLES),
      .PEEPHOLE_BITS(PEEPHOLE_BITS),
      .PEEPHOLE_INTEGER_BITS(PEEPHOLE_INTEGER_BITS),
      .GATE_SUM_BITS(GATE_SUM_BITS),
      .HALF_SCORE_BITS(HALF_SCORE_BITS),
      .SCORE_BITS(SCORE_BITS),
      .PE(PE),
      .SIMD_INPUT(SIMD_INPUT),
      .SIMD_RECURRENT(SIMD_RECURRENT),
      .PE_OUT(PE_OUT),
      .MAX_COLUMNS(MAX_COLUMNS),
      .MAX_LABELS(MAX_LABELS)
  ) recognise (
      .clk,
      .rst(recognise_rst),
      .start,
      .columns,
      .column_valid,
      .column_ready,
      .column((64 * WORDS)'(column)),
      .found_valid,
      .found,
      .label_address,
      .label,
      .gates_valid,
      .gates,
      .hidden_valid,
      .hidden,
      .scores_valid,
      .scores
  );
endmodule
