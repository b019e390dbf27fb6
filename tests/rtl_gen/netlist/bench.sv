// Lines through `recognise`, one after the other, for a simulator with unknown values; with NETLIST, `recognise` is a
// netlist without parameters. lengths.mem has the columns of each line, columns.mem their records. Prints what is
// computed, each value as "name hexadecimal".
module bench;
  parameter int INPUTS = 2;
  parameter int HIDDEN = 2;
  parameter int CLASSES = 2;
  parameter int ACTIVATION_BITS = 4;
  parameter int WEIGHT_BITS = 2;
  parameter int BIAS_BITS = 8;
  parameter int FC_WEIGHT_BITS = 8;
  parameter int FC_BIAS_BITS = 8;
  parameter int HAS_PEEPHOLES = 0;
  parameter int PEEPHOLE_BITS = 1;
  parameter int PEEPHOLE_INTEGER_BITS = 1;
  parameter int GATE_SUM_BITS = 16;
  parameter int HALF_SCORE_BITS = 16;
  parameter int SCORE_BITS = 16;
  parameter int PE = 1;
  parameter int SIMD_INPUT = 1;
  parameter int SIMD_RECURRENT = 1;
  parameter int PE_OUT = 1;
  parameter int MAX_COLUMNS = 2;
  parameter int MAX_LABELS = 1;
  parameter int LINES = 1;
  parameter int RECORDS = 2;  // of all lines
  parameter int PAUSES = 0;  // whether columns come late, at random
  parameter int ABANDONED = 0;  // clocks of a line before the others, which a reset of one clock ends; 0 for no such line
  parameter int MOST_CLOCKS = 1;  // of a line
  localparam int WORDS = (INPUTS * ACTIVATION_BITS + 63) / 64;
  localparam int LABEL_ADDRESS_BITS = MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1;

  logic clk = 0, rst = 1, start = 0;
  logic [15:0] columns = 0;
  logic column_valid = 0;
  logic column_ready;
  logic [64*WORDS-1:0] column;
  logic found_valid;
  logic [15:0] found;
  logic [LABEL_ADDRESS_BITS-1:0] label_address = 0;
  logic [7:0] label;
  logic gates_valid;
  logic [PE*64-1:0] gates;
  logic hidden_valid;
  logic [HIDDEN*ACTIVATION_BITS-1:0] hidden;
  logic scores_valid;
  logic [PE_OUT*16-1:0] scores;

  recognise recognise_i (
      .clk(clk),
      .rst(rst),
      .start(start),
      .columns(columns),
      .column_valid(column_valid),
      .column_ready(column_ready),
      .column(column),
      .found_valid(found_valid),
      .found(found),
      .label_address(label_address),
      .label(label),
      .gates_valid(gates_valid),
      .gates(gates),
      .hidden_valid(hidden_valid),
      .hidden(hidden),
      .scores_valid(scores_valid),
      .scores(scores)
  );

`ifndef NETLIST
  defparam recognise_i.INPUTS = INPUTS;
  defparam recognise_i.HIDDEN = HIDDEN;
  defparam recognise_i.CLASSES = CLASSES;
  defparam recognise_i.ACTIVATION_BITS = ACTIVATION_BITS;
  defparam recognise_i.WEIGHT_BITS = WEIGHT_BITS;
  defparam recognise_i.BIAS_BITS = BIAS_BITS;
  defparam recognise_i.FC_WEIGHT_BITS = FC_WEIGHT_BITS;
  defparam recognise_i.FC_BIAS_BITS = FC_BIAS_BITS;
  defparam recognise_i.HAS_PEEPHOLES = HAS_PEEPHOLES;
  defparam recognise_i.PEEPHOLE_BITS = PEEPHOLE_BITS;
  defparam recognise_i.PEEPHOLE_INTEGER_BITS = PEEPHOLE_INTEGER_BITS;
  defparam recognise_i.GATE_SUM_BITS = GATE_SUM_BITS;
  defparam recognise_i.HALF_SCORE_BITS = HALF_SCORE_BITS;
  defparam recognise_i.SCORE_BITS = SCORE_BITS;
  defparam recognise_i.PE = PE;
  defparam recognise_i.SIMD_INPUT = SIMD_INPUT;
  defparam recognise_i.SIMD_RECURRENT = SIMD_RECURRENT;
  defparam recognise_i.PE_OUT = PE_OUT;
  defparam recognise_i.MAX_COLUMNS = MAX_COLUMNS;
  defparam recognise_i.MAX_LABELS = MAX_LABELS;
`endif

  logic [15:0] lengths[0:LINES-1];
  logic [64*WORDS-1:0] records[0:RECORDS-1];
  logic printing = 0, ended;
  integer record = 0, last_record = 0, clocks = 0, line, n;

  // Inputs change half a clock before they are read; outputs are read then, too.
  task automatic clock;
    begin
      #0;
      if (printing && gates_valid !== 0) $display("gates %h", gates);
      if (printing && hidden_valid !== 0) $display("hidden %h", hidden);
      if (printing && scores_valid !== 0) $display("scores %h", scores);
      #1 clk = 1;
      #1 clk = 0;
      clocks = clocks + 1;
    end
  endtask

  // A clock in which a column is offered, if there is one.
  task automatic step;
    begin
      if (!column_valid) column_valid = record < last_record && (PAUSES == 0 || $random % 16 == 0);
      column = column_valid ? records[record] : 'x;
      #0;
      if (column_valid && column_ready !== 0) begin
        record = record + 1;
        clock;
        column_valid = 0;
      end else clock;
    end
  endtask

  task automatic begin_line;
    begin
      columns = lengths[line];
      last_record = last_record + 2 * lengths[line];
      start = 1;
      clock;
      start  = 0;
      clocks = 0;
    end
  endtask

  // A reset of one clock.
  task automatic reset;
    begin
      rst = 1;
      printing = 0;
      clock;
      rst = 0;
      record = 0;
      last_record = 0;
      column_valid = 0;
      printing = 1;
      clock;
    end
  endtask

  initial begin
    $readmemh("lengths.mem", lengths);
    $readmemh("columns.mem", records);
    line = 0;
    reset;
    if (ABANDONED > 0) begin
      printing = 0;
      begin_line;
      for (n = 0; n < ABANDONED; n = n + 1) step;
      reset;
    end
    for (line = 0; line < LINES; line = line + 1) begin
      begin_line;
      while (found_valid !== 1 && clocks < MOST_CLOCKS) step;
      ended = found_valid === 1;
      $display("clocks %h", clocks);
      $display("found %h", found);
      for (n = 0; n < MAX_LABELS && n < found; n = n + 1) begin
        label_address = n;
        clock;
        clock;
        $display("label %h", label);
      end
      $display("end %h", ended);
    end
    $finish;
  end
endmodule
