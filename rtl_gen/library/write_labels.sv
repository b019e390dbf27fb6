// Columns in image order, then one label for each run of columns that a blank one ends: that of the run's highest score.
// All labels are counted; those that exceed MAX_LABELS are not stored, so that the count shows a line with too many.
//
// After the last column has arrived, a line of T columns takes T + 3 clocks until `found_valid`.
module write_labels #(
    parameter int MAX_COLUMNS = 2,
    parameter int MAX_LABELS = 1,
    parameter int VALUE_BITS = 16,
    parameter int LABEL_ADDRESS_BITS = MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [15:0] columns,

    input logic best_valid,
    input logic signed [VALUE_BITS-1:0] value,
    input logic [7:0] label,

    output logic found_valid,
    output logic [15:0] found,
    input logic [LABEL_ADDRESS_BITS-1:0] label_address,
    output logic [7:0] stored_label  // two clocks after its address
);
  localparam int READ = 2;  // clocks from an address to its word
  localparam int COLUMN_BITS = MAX_COLUMNS > 1 ? $clog2(MAX_COLUMNS) : 1;

  // Image order: columns arrive from the centre outwards, T/2, T/2-1, T/2+1, ...; the centre column of an odd line comes
  // alone, and behind it the column to its right first.

  logic [15:0] arriving;  // columns still to arrive
  logic [COLUMN_BITS-1:0] right, left;  // where the next one goes
  logic to_right, single;
  logic [COLUMN_BITS-1:0] half;
  assign half = columns[COLUMN_BITS:1];

  always_ff @(posedge clk) begin
    if (best_valid) begin
      arriving <= arriving - 1'b1;
      if (to_right) right <= right + 1'b1;
      else left <= left - 1'b1;
      if (!single) to_right <= !to_right;
      single <= 0;
    end
    if (start) begin
      arriving <= columns;
      right <= half;
      left <= half - 1'b1;
      to_right <= 1;
      single <= columns[0];
    end
    if (rst) arriving <= '0;
  end

  logic scanning;
  logic [COLUMN_BITS-1:0] column;
  logic [VALUE_BITS+7:0] line_word;
  ram #(
      .WIDTH(VALUE_BITS + 8),
      .DEPTH(MAX_COLUMNS)
  ) line (
      .clk,
      .write(best_valid),
      .write_address(to_right ? right : left),
      .write_word({value, label}),
      .read_address(column),
      .read_word(line_word)
  );

  // Runs, from left to right.

  logic last_column;
  logic [READ:0] reading, last;
  assign last_column = 16'(column) == columns - 16'd1;
  always_ff @(posedge clk) begin
    if (best_valid && arriving == 16'd1) scanning <= 1;
    else if (last_column) scanning <= 0;
    column <= scanning ? column + 1'b1 : '0;
    if (rst) scanning <= 0;
  end
  delay_flag #(
      .CLOCKS(READ)
  ) delay_reading (
      .clk,
      .rst,
      .flag(scanning),
      .taps(reading)
  );
  delay_flag #(
      .CLOCKS(READ)
  ) delay_last (
      .clk,
      .rst,
      .flag(scanning && last_column),
      .taps(last)
  );

  logic signed [VALUE_BITS-1:0] column_value, run_value;
  logic [7:0] column_label, run_label;
  /* verilator lint_off UNUSEDSIGNAL */
  logic signed [VALUE_BITS:0] lead;  // of the run
  /* verilator lint_on UNUSEDSIGNAL */
  logic higher, ends;
  assign {column_value, column_label} = line_word;
  assign lead = (VALUE_BITS + 1)'(run_value) - (VALUE_BITS + 1)'(column_value);
  assign higher = lead[VALUE_BITS];
  assign ends = !higher && run_label != '0 && column_label == '0;

  always_ff @(posedge clk) begin
    found_valid <= last[READ];
    if (reading[READ]) begin
      if (higher || ends) begin
        run_value <= column_value;
        run_label <= column_label;
      end
      if (ends) found <= found + 1'b1;
    end
    if (rst || start) begin
      run_value <= '0;
      run_label <= '0;
      found <= '0;
    end
    if (rst) found_valid <= 0;
  end

  ram #(
      .WIDTH(8),
      .DEPTH(MAX_LABELS)
  ) labels (
      .clk,
      .write(reading[READ] && ends && found < 16'(MAX_LABELS)),
      .write_address(found[LABEL_ADDRESS_BITS-1:0]),
      .write_word(run_label),
      .read_address(label_address),
      .read_word(stored_label)
  );
endmodule
