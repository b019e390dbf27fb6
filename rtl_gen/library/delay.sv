// A word, CLOCKS clocks later. It has no reset, so that a shift register in look-up tables can hold it.
module delay #(
    parameter int WIDTH  = 1,
    parameter int CLOCKS = 1
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input logic clk,  // not used with 0 clocks
    /* verilator lint_on UNUSEDSIGNAL */
    input logic [WIDTH-1:0] in,
    output logic [WIDTH-1:0] out
);
  if (CLOCKS == 0) begin : wires
    assign out = in;
  end else begin : registers
    logic [CLOCKS*WIDTH-1:0] line;
    always_ff @(posedge clk) line <= (CLOCKS * WIDTH)'({line, in});
    assign out = line[CLOCKS*WIDTH-1-:WIDTH];
  end
endmodule
