// A top with the accelerator's ports for tests of the harness: it reads the input buffer in one burst, shows each word as
// it comes, and writes the exclusive or of all words and the register of columns. The register of records chooses a
// fault, from the start of a line on.
module topLevel_BLSTM_CTC (
    input logic ap_clk,
    input logic ap_rst_n,
    input logic [6:0] s_axi_control_awaddr,
    input logic [2:0] s_axi_control_awprot,
    input logic s_axi_control_awvalid,
    output logic s_axi_control_awready,
    input logic [31:0] s_axi_control_wdata,
    input logic [3:0] s_axi_control_wstrb,
    input logic s_axi_control_wvalid,
    output logic s_axi_control_wready,
    output logic [1:0] s_axi_control_bresp,
    output logic s_axi_control_bvalid,
    input logic s_axi_control_bready,
    input logic [6:0] s_axi_control_araddr,
    input logic [2:0] s_axi_control_arprot,
    input logic s_axi_control_arvalid,
    output logic s_axi_control_arready,
    output logic [31:0] s_axi_control_rdata,
    output logic [1:0] s_axi_control_rresp,
    output logic s_axi_control_rvalid,
    input logic s_axi_control_rready,
    output logic [63:0] m_axi_read_araddr,
    output logic [7:0] m_axi_read_arlen,
    output logic [2:0] m_axi_read_arsize,
    output logic [1:0] m_axi_read_arburst,
    output logic m_axi_read_arvalid,
    input logic m_axi_read_arready,
    input logic [63:0] m_axi_read_rdata,
    input logic [1:0] m_axi_read_rresp,
    input logic m_axi_read_rlast,
    input logic m_axi_read_rvalid,
    output logic m_axi_read_rready,
    output logic [63:0] m_axi_write_awaddr,
    output logic [7:0] m_axi_write_awlen,
    output logic [2:0] m_axi_write_awsize,
    output logic [1:0] m_axi_write_awburst,
    output logic m_axi_write_awvalid,
    input logic m_axi_write_awready,
    output logic [63:0] m_axi_write_wdata,
    output logic [7:0] m_axi_write_wstrb,
    output logic m_axi_write_wlast,
    output logic m_axi_write_wvalid,
    input logic m_axi_write_wready,
    input logic [1:0] m_axi_write_bresp,
    input logic m_axi_write_bvalid,
    output logic m_axi_write_bready,
    output logic observe_start,
    output logic observe_done,
    output logic observe_gates_valid,
    output logic [127:0] observe_gates,
    output logic observe_hidden_valid,
    output logic [19:0] observe_hidden,
    output logic observe_scores_valid,
    output logic [47:0] observe_scores
);
  logic start, done, rst;
  logic [31:0] columns, fault_register, bytes;
  logic [63:0] input_address, output_address;
  logic control_bvalid, control_rvalid;
  logic [1:0] control_rresp;
  assign rst = !ap_rst_n;

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
      .bvalid(control_bvalid),
      .bready(s_axi_control_bready),
      .araddr(s_axi_control_araddr),
      .arvalid(s_axi_control_arvalid),
      .arready(s_axi_control_arready),
      .rdata(s_axi_control_rdata),
      .rresp(control_rresp),
      .rvalid(control_rvalid),
      .rready(s_axi_control_rready),
      .start(start),
      .columns(columns),
      .columns_twice(fault_register),
      .bytes(bytes),
      .input_address(input_address),
      .output_address(output_address),
      .done(done),
      .refused(1'b0),
      .read_error(1'b0),
      .write_error(1'b0)
  );

  localparam logic [31:0] READ_VALID_FALLS = 1, READ_ADDRESS_CHANGES = 2, READ_KIND = 3, READ_SIZE = 4;
  localparam logic [31:0] LAST_EARLY = 5, LAST_MISSING = 6, DATA_CHANGES = 7, HALF_STROBES = 8;
  localparam logic [31:0] NO_ANSWER = 9, ERROR_ANSWER = 10, UNASKED_RESPONSE = 11, VALID_IN_RESET = 12, NO_END = 13;
  localparam logic [31:0] WRITE_DATA_FIRST = 14;

  logic [31:0] fault;
  logic [7:0] clock, wait_address;
  initial fault = 0;
  always_ff @(posedge ap_clk) begin
    clock <= clock + 8'd1;
    if (start) fault <= fault_register;
  end

  assign s_axi_control_bvalid = control_bvalid || fault == UNASKED_RESPONSE;
  assign s_axi_control_rvalid = control_rvalid && fault != NO_ANSWER;
  assign s_axi_control_rresp  = fault == ERROR_ANSWER ? 2'd2 : control_rresp;

  logic read_valid;
  assign m_axi_read_araddr  = fault == READ_ADDRESS_CHANGES ? {53'd0, clock, 3'd0} : input_address;
  assign m_axi_read_arlen   = 8'(bytes[10:3] - 8'd1);
  assign m_axi_read_arsize  = fault == READ_SIZE ? 3'd2 : 3'd3;
  assign m_axi_read_arburst = fault == READ_KIND ? 2'd0 : 2'd1;
  assign m_axi_read_arvalid = read_valid || fault == VALID_IN_RESET;
  assign m_axi_read_rready  = 1'b1;

  logic second;
  logic [63:0] sum;
  assign m_axi_write_awaddr = output_address;
  assign m_axi_write_awlen = 8'd1;
  assign m_axi_write_awsize = 3'd3;
  assign m_axi_write_awburst = 2'd1;
  assign m_axi_write_wdata = fault == DATA_CHANGES ? 64'(clock) : second ? 64'(columns) : sum;
  assign m_axi_write_wstrb = fault == HALF_STROBES ? 8'h0f : 8'hff;
  assign m_axi_write_wlast = fault == LAST_EARLY || (second && fault != LAST_MISSING);
  assign m_axi_write_bready = 1'b1;

  assign done = m_axi_write_bvalid && fault != NO_END;
  assign observe_start = start;
  assign observe_done = done;
  assign observe_gates_valid = m_axi_read_rvalid;
  assign observe_gates = {~m_axi_read_rdata, m_axi_read_rdata};
  assign observe_hidden_valid = m_axi_read_rvalid;
  assign observe_hidden = m_axi_read_rdata[19:0];
  assign observe_scores_valid = m_axi_read_rvalid;
  assign observe_scores = m_axi_read_rdata[47:0];

  always_ff @(posedge ap_clk) begin
    if (rst) begin
      read_valid <= 1'b0;
      m_axi_write_awvalid <= 1'b0;
      m_axi_write_wvalid <= 1'b0;
      second <= 1'b0;
      wait_address <= 8'd0;
    end else begin
      if (start) sum <= 64'd0;
      read_valid <= start || (read_valid && !m_axi_read_arready && fault != READ_VALID_FALLS);
      if (m_axi_read_rvalid) sum <= sum ^ m_axi_read_rdata;
      if (m_axi_read_rvalid && m_axi_read_rlast) begin
        m_axi_write_wvalid <= 1'b1;
        if (fault == WRITE_DATA_FIRST) wait_address <= 8'd50;
        else m_axi_write_awvalid <= 1'b1;
      end
      if (wait_address != 8'd0) wait_address <= wait_address - 8'd1;
      if (wait_address == 8'd1) m_axi_write_awvalid <= 1'b1;
      if (m_axi_write_awvalid && m_axi_write_awready) m_axi_write_awvalid <= 1'b0;
      if (m_axi_write_wvalid && m_axi_write_wready) begin
        second <= !second;
        if (second) m_axi_write_wvalid <= 1'b0;
      end
    end
  end
endmodule
