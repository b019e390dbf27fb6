// Rule of the write channels: a burst's words are offered when its address is, or later.
module order_rule (
    input  logic clk,
    input  logic rst_n,
    input  logic address_valid,
    input  logic address_ready,
    input  logic data_valid,
    input  logic data_ready,
    input  logic last,
    output logic violated
);
  logic resets, waiting, offered;
  logic [7:0] addressed;  // bursts whose address was offered and whose last word was not taken

  assign offered  = address_valid && !waiting;
  assign violated = rst_n && !resets && data_valid && !offered && addressed == 8'd0;

  always_ff @(posedge clk) begin
    resets <= !rst_n;
    if (!rst_n || resets) begin
      waiting   <= 1'b0;
      addressed <= 8'd0;
    end else begin
      waiting   <= address_valid && !address_ready;
      addressed <= addressed + 8'(offered) - 8'(data_valid && data_ready && last);
    end
  end
endmodule
