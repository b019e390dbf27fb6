// Memory with one port for writing and one for reading: the word at `read_address` is on `read_word` two clocks later.
//
// A word that is written can be read from the next clock on. LUTS asks for look-up tables instead of block RAM.
module ram #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2,
    parameter bit LUTS = 0,
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic write,
    input logic [ADDRESS_BITS-1:0] write_address,
    input logic [WIDTH-1:0] write_word,
    input logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0] read_word
);
  logic [WIDTH-1:0] read;

  if (LUTS) begin : luts
    (* ram_style = "distributed" *) logic [WIDTH-1:0] words[0:DEPTH-1];
    always_ff @(posedge clk) begin
      if (write) words[write_address] <= write_word;
      read <= words[read_address];
    end
  end else begin : blocks
    logic [WIDTH-1:0] words[0:DEPTH-1];
    always_ff @(posedge clk) begin
      if (write) words[write_address] <= write_word;
      read <= words[read_address];
    end
  end

  always_ff @(posedge clk) read_word <= read;
endmodule
