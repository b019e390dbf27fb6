// Rules of a line's bursts: at most 16 whole words that follow each other in memory and end within 128 bytes; each but
// the first one begins, and so each but the last one ends, at a multiple of 128 bytes.
module burst_rules (
    input logic clk,
    input logic restart,
    input logic taken,
    input logic [63:0] address,
    input logic [7:0] len,
    input logic [2:0] size,
    input logic [1:0] burst,
    output logic violated
);
  logic first;
  logic [63:0] next;

  always_ff @(posedge clk) begin
    if (restart) first <= 1'b1;
    else if (taken) first <= 1'b0;
    if (taken) next <= address + 64'(len) * 64'd8 + 64'd8;
  end
  assign violated = taken && (size != 3'd3 || burst != 2'd1 || address[2:0] != 3'd0 || len > 8'd15 ||
      8'(address[6:3]) + len > 8'd15 || (!first && (address != next || address[6:3] != 4'd0)));
endmodule
