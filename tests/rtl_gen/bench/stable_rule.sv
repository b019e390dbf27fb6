// Rule of a channel: what is offered stays, unchanged, until it is taken; a reset ends it within two clocks.
module stable_rule #(
    parameter int WIDTH = 1
) (
    input logic clk,
    input logic rst_n,
    input logic valid,
    input logic ready,
    input logic [WIDTH-1:0] payload,
    output logic violated
);
  logic waiting, resets, resets_again;
  logic [WIDTH-1:0] expected;

  always_ff @(posedge clk) begin
    waiting <= rst_n && !resets && valid && !ready;
    expected <= payload;
    resets <= !rst_n;
    resets_again <= !rst_n && resets;
  end
  assign violated = (waiting && rst_n && (!valid || payload != expected)) || (resets_again && valid);
endmodule
