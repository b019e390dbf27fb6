// Memory of many words with one port for writing and one for reading: the word at `read_address` is on `read_word` four
// clocks later. A word that is written can be read from the next clock on.
//
// It consists of banks of up to BANK words. All inputs are registered before the banks, which lie far apart on a chip, and
// the outputs of the banks before one of them is selected.
module deep_ram #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2,
    parameter int BANK = 4096,  // a power of 2
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic write,
    input logic [ADDRESS_BITS-1:0] write_address,
    input logic [WIDTH-1:0] write_word,
    input logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0] read_word
);
  localparam int BANKS = (DEPTH + BANK - 1) / BANK;
  localparam int OFFSET_BITS = DEPTH > BANK ? $clog2(BANK) : ADDRESS_BITS;  // of an address within its bank

  logic [OFFSET_BITS-1:0] write_offset, read_offset;
  logic [WIDTH-1:0] word;
  logic [BANKS-1:0] write_bank;
  logic [BANKS*WIDTH-1:0] outputs;

  always_ff @(posedge clk) begin
    write_offset <= write_address[OFFSET_BITS-1:0];
    read_offset <= read_address[OFFSET_BITS-1:0];
    word <= write_word;
  end

  for (genvar k = 0; k < BANKS; k++) begin : bank
    localparam int WORDS = DEPTH - k * BANK < BANK ? DEPTH - k * BANK : BANK;
    localparam int BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    ram #(
        .WIDTH(WIDTH),
        .DEPTH(WORDS)
    ) memory (
        .clk,
        .write(write_bank[k]),
        .write_address(write_offset[BITS-1:0]),
        .write_word(word),
        .read_address(read_offset[BITS-1:0]),
        .read_word(outputs[k*WIDTH+:WIDTH])
    );
  end

  if (BANKS == 1) begin : one_bank
    always_ff @(posedge clk) begin
      write_bank <= write;
      read_word  <= outputs;
    end
  end else begin : several_banks
    localparam int BANK_BITS = ADDRESS_BITS - OFFSET_BITS;
    logic [BANK_BITS-1:0] selected;
    delay #(
        .WIDTH (BANK_BITS),
        .CLOCKS(3)
    ) delay_bank (
        .clk,
        .in (read_address[OFFSET_BITS+:BANK_BITS]),
        .out(selected)
    );
    for (genvar k = 0; k < BANKS; k++) begin : choose
      always_ff @(posedge clk) write_bank[k] <= write && write_address[OFFSET_BITS+:BANK_BITS] == BANK_BITS'(k);
    end
    always_ff @(posedge clk) read_word <= outputs[selected*WIDTH+:WIDTH];
  end
endmodule
