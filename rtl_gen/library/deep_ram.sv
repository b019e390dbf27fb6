// Memory of many words with one port for writing and one for reading: the word at `read_address` is on `read_word` five
// clocks later. A word that is written can be read from the next clock on.
//
// It consists of banks of up to BANK words, and a bank of slices of as many bits as one block RAM of 16 Kbit has for its
// words, so that nothing is selected between a block RAM and its output register. Two registers lie before the banks,
// which are far apart on a chip, and two after them: each bank's own, and one behind the selection of a bank.
module deep_ram #(
    parameter int WIDTH = 8,
    parameter int DEPTH = 2,
    parameter int BANK = 16384,  // a power of 2
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input logic clk,
    input logic write,
    input logic [ADDRESS_BITS-1:0] write_address,
    input logic [WIDTH-1:0] write_word,
    input logic [ADDRESS_BITS-1:0] read_address,
    output logic [WIDTH-1:0] read_word
);
  localparam int BEFORE = 2;  // registers before the banks
  localparam int BANKS = (DEPTH + BANK - 1) / BANK;
  localparam int OFFSET_BITS = DEPTH > BANK ? $clog2(BANK) : ADDRESS_BITS;  // of an address within its bank

  logic [OFFSET_BITS-1:0] write_offset, read_offset;
  logic [WIDTH-1:0] word;
  logic [BANKS-1:0] write_bank;
  logic [BANKS*WIDTH-1:0] outputs;

  delay #(
      .WIDTH (2 * OFFSET_BITS + WIDTH),
      .CLOCKS(BEFORE)
  ) delay_inputs (
      .clk,
      .in ({write_address[OFFSET_BITS-1:0], read_address[OFFSET_BITS-1:0], write_word}),
      .out({write_offset, read_offset, word})
  );

  for (genvar k = 0; k < BANKS; k++) begin : bank
    localparam int WORDS = DEPTH - k * BANK < BANK ? DEPTH - k * BANK : BANK;
    localparam int BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    localparam int SLICE = BITS > 13 ? 1 : BITS > 12 ? 2 : BITS > 11 ? 4 : BITS > 10 ? 9 : BITS > 9 ? 18 : 36;
    for (genvar n = 0; n * SLICE < WIDTH; n++) begin : slice
      localparam int LOW = n * SLICE;
      localparam int SLICE_BITS = WIDTH - LOW < SLICE ? WIDTH - LOW : SLICE;
      ram #(
          .WIDTH(SLICE_BITS),
          .DEPTH(WORDS)
      ) memory (
          .clk,
          .write(write_bank[k]),
          .write_address(write_offset[BITS-1:0]),
          .write_word(word[LOW+:SLICE_BITS]),
          .read_address(read_offset[BITS-1:0]),
          .read_word(outputs[k*WIDTH+LOW+:SLICE_BITS])
      );
    end
  end

  if (BANKS == 1) begin : one_bank
    delay #(
        .WIDTH (1),
        .CLOCKS(BEFORE)
    ) delay_write (
        .clk,
        .in (write),
        .out(write_bank)
    );
    always_ff @(posedge clk) read_word <= outputs;
  end else begin : several_banks
    localparam int BANK_BITS = ADDRESS_BITS - OFFSET_BITS;
    logic write_then;
    logic [BANK_BITS-1:0] write_to, selected;
    delay #(
        .WIDTH (BANK_BITS),
        .CLOCKS(BEFORE + 2)
    ) delay_selected (
        .clk,
        .in (read_address[OFFSET_BITS+:BANK_BITS]),
        .out(selected)
    );
    always_ff @(posedge clk) begin
      write_then <= write;
      write_to   <= write_address[OFFSET_BITS+:BANK_BITS];
    end
    for (genvar b = 0; b < WIDTH; b++) begin : word_bit  // as in `operands`
      logic [BANKS-1:0] choices;
      for (genvar k = 0; k < BANKS; k++) begin : of_bank
        assign choices[k] = outputs[k*WIDTH+b];
      end
      always_ff @(posedge clk) read_word[b] <= choices[selected];
    end
    for (genvar k = 0; k < BANKS; k++) begin : choose
      always_ff @(posedge clk) write_bank[k] <= write_then && write_to == BANK_BITS'(k);
    end
  end
endmodule
