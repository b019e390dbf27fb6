// The observed top for a model of the buses that needs the channels' identifiers, and a count of violated rules.
module bench (
    input logic ap_clk,
    input logic ap_rst_n,
    input logic [15:0] s_axi_control_awaddr,
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
    input logic [15:0] s_axi_control_araddr,
    input logic [2:0] s_axi_control_arprot,
    input logic s_axi_control_arvalid,
    output logic s_axi_control_arready,
    output logic [31:0] s_axi_control_rdata,
    output logic [1:0] s_axi_control_rresp,
    output logic s_axi_control_rvalid,
    input logic s_axi_control_rready,
    output logic m_axi_read_arid,
    output logic [63:0] m_axi_read_araddr,
    output logic [7:0] m_axi_read_arlen,
    output logic [2:0] m_axi_read_arsize,
    output logic [1:0] m_axi_read_arburst,
    output logic [3:0] m_axi_read_arcache,
    output logic [2:0] m_axi_read_arprot,
    output logic m_axi_read_arvalid,
    input logic m_axi_read_arready,
    input logic m_axi_read_rid,
    input logic [63:0] m_axi_read_rdata,
    input logic [1:0] m_axi_read_rresp,
    input logic m_axi_read_rlast,
    input logic m_axi_read_rvalid,
    output logic m_axi_read_rready,
    output logic m_axi_write_awid,
    output logic [63:0] m_axi_write_awaddr,
    output logic [7:0] m_axi_write_awlen,
    output logic [2:0] m_axi_write_awsize,
    output logic [1:0] m_axi_write_awburst,
    output logic [3:0] m_axi_write_awcache,
    output logic [2:0] m_axi_write_awprot,
    output logic m_axi_write_awvalid,
    input logic m_axi_write_awready,
    output logic [63:0] m_axi_write_wdata,
    output logic [7:0] m_axi_write_wstrb,
    output logic m_axi_write_wlast,
    output logic m_axi_write_wvalid,
    input logic m_axi_write_wready,
    input logic m_axi_write_bid,
    input logic [1:0] m_axi_write_bresp,
    input logic m_axi_write_bvalid,
    output logic m_axi_write_bready,
    output logic observe_start,
    output logic observe_done,
    output logic observe_taken,  // the stub takes a record
    output logic [31:0] violations
);
  topLevel_BLSTM_CTC top (
      .ap_clk(ap_clk),
      .ap_rst_n(ap_rst_n),
      .s_axi_control_awaddr(s_axi_control_awaddr),
      .s_axi_control_awprot(s_axi_control_awprot),
      .s_axi_control_awvalid(s_axi_control_awvalid),
      .s_axi_control_awready(s_axi_control_awready),
      .s_axi_control_wdata(s_axi_control_wdata),
      .s_axi_control_wstrb(s_axi_control_wstrb),
      .s_axi_control_wvalid(s_axi_control_wvalid),
      .s_axi_control_wready(s_axi_control_wready),
      .s_axi_control_bresp(s_axi_control_bresp),
      .s_axi_control_bvalid(s_axi_control_bvalid),
      .s_axi_control_bready(s_axi_control_bready),
      .s_axi_control_araddr(s_axi_control_araddr),
      .s_axi_control_arprot(s_axi_control_arprot),
      .s_axi_control_arvalid(s_axi_control_arvalid),
      .s_axi_control_arready(s_axi_control_arready),
      .s_axi_control_rdata(s_axi_control_rdata),
      .s_axi_control_rresp(s_axi_control_rresp),
      .s_axi_control_rvalid(s_axi_control_rvalid),
      .s_axi_control_rready(s_axi_control_rready),
      .m_axi_read_araddr(m_axi_read_araddr),
      .m_axi_read_arlen(m_axi_read_arlen),
      .m_axi_read_arsize(m_axi_read_arsize),
      .m_axi_read_arburst(m_axi_read_arburst),
      .m_axi_read_arcache(m_axi_read_arcache),
      .m_axi_read_arprot(m_axi_read_arprot),
      .m_axi_read_arvalid(m_axi_read_arvalid),
      .m_axi_read_arready(m_axi_read_arready),
      .m_axi_read_rdata(m_axi_read_rdata),
      .m_axi_read_rresp(m_axi_read_rresp),
      .m_axi_read_rlast(m_axi_read_rlast),
      .m_axi_read_rvalid(m_axi_read_rvalid),
      .m_axi_read_rready(m_axi_read_rready),
      .m_axi_write_awaddr(m_axi_write_awaddr),
      .m_axi_write_awlen(m_axi_write_awlen),
      .m_axi_write_awsize(m_axi_write_awsize),
      .m_axi_write_awburst(m_axi_write_awburst),
      .m_axi_write_awcache(m_axi_write_awcache),
      .m_axi_write_awprot(m_axi_write_awprot),
      .m_axi_write_awvalid(m_axi_write_awvalid),
      .m_axi_write_awready(m_axi_write_awready),
      .m_axi_write_wdata(m_axi_write_wdata),
      .m_axi_write_wstrb(m_axi_write_wstrb),
      .m_axi_write_wlast(m_axi_write_wlast),
      .m_axi_write_wvalid(m_axi_write_wvalid),
      .m_axi_write_wready(m_axi_write_wready),
      .m_axi_write_bresp(m_axi_write_bresp),
      .m_axi_write_bvalid(m_axi_write_bvalid),
      .m_axi_write_bready(m_axi_write_bready),
      .observe_start(observe_start),
      .observe_done(observe_done),
      .observe_gates_valid(observe_taken),
      .observe_gates(),
      .observe_hidden_valid(),
      .observe_hidden(),
      .observe_scores_valid(),
      .observe_scores()
  );
  assign m_axi_read_arid  = 1'b0;
  assign m_axi_write_awid = 1'b0;

  logic [7:0] violated;

  stable_rule #(
      .WIDTH(81)
  ) ar (
      ap_clk,
      ap_rst_n,
      m_axi_read_arvalid,
      m_axi_read_arready,
      {m_axi_read_araddr, m_axi_read_arlen, m_axi_read_arsize, m_axi_read_arburst, m_axi_read_arcache},
      violated[0]
  );
  stable_rule #(
      .WIDTH(81)
  ) aw (
      ap_clk,
      ap_rst_n,
      m_axi_write_awvalid,
      m_axi_write_awready,
      {m_axi_write_awaddr, m_axi_write_awlen, m_axi_write_awsize, m_axi_write_awburst, m_axi_write_awcache},
      violated[1]
  );
  stable_rule #(
      .WIDTH(73)
  ) w (
      ap_clk,
      ap_rst_n,
      m_axi_write_wvalid,
      m_axi_write_wready,
      {m_axi_write_wdata, m_axi_write_wstrb, m_axi_write_wlast},
      violated[2]
  );
  stable_rule #(
      .WIDTH(2)
  ) b (
      ap_clk,
      ap_rst_n,
      s_axi_control_bvalid,
      s_axi_control_bready,
      s_axi_control_bresp,
      violated[3]
  );
  stable_rule #(
      .WIDTH(34)
  ) r (
      ap_clk,
      ap_rst_n,
      s_axi_control_rvalid,
      s_axi_control_rready,
      {s_axi_control_rdata, s_axi_control_rresp},
      violated[4]
  );
  burst_rules read (
      ap_clk,
      observe_start,
      m_axi_read_arvalid && m_axi_read_arready,
      m_axi_read_araddr,
      m_axi_read_arlen,
      m_axi_read_arsize,
      m_axi_read_arburst,
      violated[5]
  );
  burst_rules write (
      ap_clk,
      observe_start,
      m_axi_write_awvalid && m_axi_write_awready,
      m_axi_write_awaddr,
      m_axi_write_awlen,
      m_axi_write_awsize,
      m_axi_write_awburst,
      violated[6]
  );

  order_rule order (
      .clk(ap_clk),
      .rst_n(ap_rst_n),
      .address_valid(m_axi_write_awvalid),
      .address_ready(m_axi_write_awready),
      .data_valid(m_axi_write_wvalid),
      .data_ready(m_axi_write_wready),
      .last(m_axi_write_wlast),
      .violated(violated[7])
  );

  initial violations = 32'd0;
  always_ff @(posedge ap_clk) if (violated != 8'd0) violations <= violations + 32'd1;
endmodule
