// Constants of a network: the word at `address` is on `word` LATENCY clocks later (1 to 3).
//
// The words are read from FILE, one in hexadecimal per line. With 2 clocks, the second register is the block RAM's own
// output register; with 3, one more lies between the block RAM and what reads it. LUTS asks for look-up tables instead of block RAM.
`ifdef YOSYS
`define ROM_IN_LUTS "logic"  // yosys refuses "distributed" for a memory that is only read
`else
`define ROM_IN_LUTS "distributed"
`endif

module rom #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2,
    parameter FILE = "",
    parameter int LATENCY = 2,
    parameter bit LUTS = 0,
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic [ADDRESS_BITS-1:0] address,
    output logic [WIDTH-1:0] word
);
  logic [WIDTH-1:0] read;

  if (LUTS) begin : luts
    (* rom_style = `ROM_IN_LUTS *) logic [WIDTH-1:0] words[0:DEPTH-1];
    initial $readmemh(FILE, words);
    always_ff @(posedge clk) read <= words[address];
  end else begin : blocks
    logic [WIDTH-1:0] words[0:DEPTH-1];
    initial $readmemh(FILE, words);
    always_ff @(posedge clk) read <= words[address];
  end

  if (LATENCY == 2) begin : registered
    always_ff @(posedge clk) word <= read;
  end else if (LATENCY == 3) begin : registered_twice
    (* shreg_extract = "no" *) logic [WIDTH-1:0] read_then;
    always_ff @(posedge clk) begin
      read_then <= read;
      word <= read_then;
    end
  end else begin : direct
    assign word = read;
  end
endmodule
