// The accelerator between its buses: registers, check of the registers, columns from memory, recognition, labels to
// memory.
//
// Registers that contradict each other, or that the buffers have no room for, refuse the line: nothing is read, word 0
// of the output is all ones. A line of which a read response was an error ends with word 0 all ones too. `ap_done`
// rises in every case.
//
// Latency, from the clock of `observe_start`: 5 clocks to the first m_axi_read_arvalid, or of a refused line to
// m_axi_write_awvalid. From the clock in which `recognise` has found the labels: 3 clocks to the first
// m_axi_write_awvalid; see write_output for the clocks to `observe_done`.
module accelerator #(
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
    parameter int MAX_LABELS = 95
) (
    input logic ap_clk,
    input logic ap_rst_n,

    input  logic [ 6:0] s_axi_control_awaddr,
    input  logic        s_axi_control_awvalid,
    output logic        s_axi_control_awready,
    input  logic [31:0] s_axi_control_wdata,
    input  logic [ 3:0] s_axi_control_wstrb,
    input  logic        s_axi_control_wvalid,
    output logic        s_axi_control_wready,
    output logic [ 1:0] s_axi_control_bresp,
    output logic        s_axi_control_bvalid,
    input  logic        s_axi_control_bready,
    input  logic [ 6:0] s_axi_control_araddr,
    input  logic        s_axi_control_arvalid,
    output logic        s_axi_control_arready,
    output logic [31:0] s_axi_control_rdata,
    output logic [ 1:0] s_axi_control_rresp,
    output logic        s_axi_control_rvalid,
    input  logic        s_axi_control_rready,

    output logic [63:0] m_axi_read_araddr,
    output logic [ 7:0] m_axi_read_arlen,
    output logic [ 2:0] m_axi_read_arsize,
    output logic [ 1:0] m_axi_read_arburst,
    output logic [ 3:0] m_axi_read_arcache,
    output logic [ 2:0] m_axi_read_arprot,
    output logic        m_axi_read_arvalid,
    input  logic        m_axi_read_arready,
    input  logic [63:0] m_axi_read_rdata,
    input  logic [ 1:0] m_axi_read_rresp,
    input  logic        m_axi_read_rlast,
    input  logic        m_axi_read_rvalid,
    output logic        m_axi_read_rready,

    output logic [63:0] m_axi_write_awaddr,
    output logic [ 7:0] m_axi_write_awlen,
    output logic [ 2:0] m_axi_write_awsize,
    output logic [ 1:0] m_axi_write_awburst,
    output logic [ 3:0] m_axi_write_awcache,
    output logic [ 2:0] m_axi_write_awprot,
    output logic        m_axi_write_awvalid,
    input  logic        m_axi_write_awready,
    output logic [63:0] m_axi_write_wdata,
    output logic [ 7:0] m_axi_write_wstrb,
    output logic        m_axi_write_wlast,
    output logic        m_axi_write_wvalid,
    input  logic        m_axi_write_wready,
    input  logic [ 1:0] m_axi_write_bresp,
    input  logic        m_axi_write_bvalid,
    output logic        m_axi_write_bready,

    output logic                              observe_start,         // the first clock of a line
    output logic                              observe_done,          // the last one: ap_done reads 1 from the next one
    output logic                              observe_gates_valid,
    output logic [               PE*4*16-1:0] observe_gates,
    output logic                              observe_hidden_valid,
    output logic [HIDDEN*ACTIVATION_BITS-1:0] observe_hidden,
    output logic                              observe_scores_valid,
    output logic [             PE_OUT*16-1:0] observe_scores
);
  localparam int WORDS = (INPUTS * ACTIVATION_BITS + 63) / 64;  // of a column record
  localparam int BYTES = (INPUTS * ACTIVATION_BITS + 7) / 8;  // of a column record without its padding
  localparam int LABEL_INDEX_BITS = MAX_LABELS > 1 ? $clog2(MAX_LABELS) : 1;

  logic rst;
  always_ff @(posedge ap_clk) rst <= !ap_rst_n;

  logic start, done, refused, read_error, write_error;
  logic [31:0] columns, columns_twice, bytes;
  logic [63:0] input_address, output_address;

  control_registers control_registers_i (
      .clk(ap_clk),
      .rst(rst),
      .awaddr(s_axi_control_awaddr),
      .awvalid(s_axi_control_awvalid),
      .awready(s_axi_control_awready),
      .wdata(s_axi_control_wdata),
      .wstrb(s_axi_control_wstrb),
      .wvalid(s_axi_control_wvalid),
      .wready(s_axi_control_wready),
      .bresp(s_axi_control_bresp),
      .bvalid(s_axi_control_bvalid),
      .bready(s_axi_control_bready),
      .araddr(s_axi_control_araddr),
      .arvalid(s_axi_control_arvalid),
      .arready(s_axi_control_arready),
      .rdata(s_axi_control_rdata),
      .rresp(s_axi_control_rresp),
      .rvalid(s_axi_control_rvalid),
      .rready(s_axi_control_rready),
      .start(start),
      .columns(columns),
      .columns_twice(columns_twice),
      .bytes(bytes),
      .input_address(input_address),
      .output_address(output_address),
      .done(done),
      .refused(refused),
      .read_error(read_error),
      .write_error(write_error)
  );

  // Check of the registers, in two steps. They do not change while a line is running. The first step's products are of
  // interest only where the number of columns is in range. Bytes may be those of records without padding, of records with
  // it, or any number between.
  logic in_range, twice_matches, acceptable;
  logic [31:0] least_bytes, most_bytes;
  logic checked_1, checked_2;  // the check of the line that `start` began has its first, its second result
  logic accept, refuse;

  assign accept = checked_2 && acceptable;
  assign refuse = checked_2 && !acceptable;

  always_ff @(posedge ap_clk) begin
    in_range      <= columns != 32'd0 && columns <= 32'(MAX_COLUMNS);
    twice_matches <= {1'b0, columns_twice} == {columns, 1'b0};
    least_bytes   <= 32'(columns[15:0]) * 32'(2 * BYTES);
    most_bytes    <= 32'(columns[15:0]) * 32'(16 * WORDS);
    acceptable    <= in_range && twice_matches && bytes >= least_bytes && bytes <= most_bytes;
    checked_1     <= start && !rst;
    checked_2     <= checked_1 && !rst;
  end

  // Status of the line.
  logic read_failure, write_failure;

  always_ff @(posedge ap_clk) begin
    if (rst || start) begin
      refused     <= 1'b0;
      read_error  <= 1'b0;
      write_error <= 1'b0;
    end else begin
      refused     <= refused || refuse;
      read_error  <= read_error || read_failure;
      write_error <= write_error || write_failure;
    end
  end

  logic column_valid, column_ready;
  logic [64*WORDS-1:0] column;

  read_columns #(
      .WORDS(WORDS)
  ) read_columns_i (
      .clk(ap_clk),
      .rst(rst),
      .start(accept),
      .columns(columns[15:0]),
      .address(input_address),
      .error(read_failure),
      .column_valid(column_valid),
      .column_ready(column_ready),
      .column(column),
      .araddr(m_axi_read_araddr),
      .arlen(m_axi_read_arlen),
      .arsize(m_axi_read_arsize),
      .arburst(m_axi_read_arburst),
      .arcache(m_axi_read_arcache),
      .arprot(m_axi_read_arprot),
      .arvalid(m_axi_read_arvalid),
      .arready(m_axi_read_arready),
      .rdata(m_axi_read_rdata),
      .rresp(m_axi_read_rresp),
      .rlast(m_axi_read_rlast),
      .rvalid(m_axi_read_rvalid),
      .rready(m_axi_read_rready)
  );

  logic found_valid;
  logic [15:0] found;
  logic [LABEL_INDEX_BITS-1:0] label_address;
  logic [7:0] label;

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
  ) recognise_i (
      .clk(ap_clk),
      .rst(rst),
      .start(accept),
      .columns(columns[15:0]),
      .column_valid(column_valid),
      .column_ready(column_ready),
      .column(column),
      .found_valid(found_valid),
      .found(found),
      .label_address(label_address),
      .label(label),
      .gates_valid(observe_gates_valid),
      .gates(observe_gates),
      .hidden_valid(observe_hidden_valid),
      .hidden(observe_hidden),
      .scores_valid(observe_scores_valid),
      .scores(observe_scores)
  );

  write_output #(
      .MAX_LABELS(MAX_LABELS),
      .LABEL_INDEX_BITS(LABEL_INDEX_BITS)
  ) write_output_i (
      .clk(ap_clk),
      .rst(rst),
      .start(refuse || found_valid),
      .failed(refuse || read_error),
      .found(found),
      .address(output_address),
      .label_address(label_address),
      .label(label),
      .done(done),
      .error(write_failure),
      .awaddr(m_axi_write_awaddr),
      .awlen(m_axi_write_awlen),
      .awsize(m_axi_write_awsize),
      .awburst(m_axi_write_awburst),
      .awcache(m_axi_write_awcache),
      .awprot(m_axi_write_awprot),
      .awvalid(m_axi_write_awvalid),
      .awready(m_axi_write_awready),
      .wdata(m_axi_write_wdata),
      .wstrb(m_axi_write_wstrb),
      .wlast(m_axi_write_wlast),
      .wvalid(m_axi_write_wvalid),
      .wready(m_axi_write_wready),
      .bresp(m_axi_write_bresp),
      .bvalid(m_axi_write_bvalid),
      .bready(m_axi_write_bready)
  );

  assign observe_start = start;
  assign observe_done  = done;
endmodule
