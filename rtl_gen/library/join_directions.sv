// Scores from half scores: direction 0 delivers column t at step t, direction 1 column T-1-t. A column is complete when
// its second half has arrived, so columns leave from the centre outwards: T/2, T/2-1, T/2+1, ..., 0 for an even T; for an
// odd T the centre column, whose halves arrive in the same step, leaves first.
//
// The first T half columns are stored, the last T are added to the stored ones. Latency: 7 clocks.
module join_directions #(
    parameter int CLASSES = 2,
    parameter int PE_OUT = 1,
    parameter int MAX_COLUMNS = 2,
    parameter int HALF_BITS = 16,
    parameter int SCORE_BITS = 16  // at least HALF_BITS
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [15:0] columns,

    input logic halves_valid,
    input logic [PE_OUT*HALF_BITS-1:0] halves,

    output logic scores_valid,
    output logic [PE_OUT*SCORE_BITS-1:0] scores
);
  localparam int READ = 5;  // clocks from an address to its word
  localparam int LATENCY = READ + 2;
  localparam int BLOCKS = (CLASSES + PE_OUT - 1) / PE_OUT;
  localparam int DEPTH = (MAX_COLUMNS + 1) / 2 * BLOCKS;
  localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam int BLOCK_BITS = BLOCKS > 1 ? $clog2(BLOCKS) : 1;

  logic [15:0] to_store;  // half columns
  logic direction, storing, last_block;
  logic [BLOCK_BITS-1:0] block;
  logic [ADDRESS_BITS-1:0] address, column_address;  // of this block, and of block 0 of its column
  assign storing = to_store != '0;
  assign last_block = block == BLOCK_BITS'(BLOCKS - 1);

  // Addresses: up by one column after each stored step; the first step that is added begins where the last one was stored;
  // then down by one column after each step.
  always_ff @(posedge clk) begin
    if (halves_valid) begin
      block   <= last_block ? '0 : block + 1'b1;
      address <= address + 1'b1;
      if (last_block) begin
        direction <= !direction;
        if (storing) to_store <= to_store - 1'b1;
        if (!direction || to_store == 16'd1) begin
          address <= column_address;
        end else if (storing) begin
          address <= address + 1'b1;
          column_address <= address + 1'b1;
        end else begin
          address <= column_address - ADDRESS_BITS'(BLOCKS);
          column_address <= column_address - ADDRESS_BITS'(BLOCKS);
        end
      end
    end
    if (start) to_store <= columns;
    if (rst || start) begin
      direction <= 0;
      block <= '0;
      address <= '0;
      column_address <= '0;
    end
    if (rst) to_store <= '0;
  end

  logic [PE_OUT*HALF_BITS-1:0] stored_0, stored_1;  // of direction 0 and 1
  deep_ram #(
      .WIDTH(PE_OUT * HALF_BITS),
      .DEPTH(DEPTH)
  ) waiting_0 (
      .clk,
      .write(halves_valid && storing && !direction),
      .write_address(address),
      .write_word(halves),
      .read_address(address),
      .read_word(stored_0)
  );
  deep_ram #(
      .WIDTH(PE_OUT * HALF_BITS),
      .DEPTH(DEPTH)
  ) waiting_1 (
      .clk,
      .write(halves_valid && storing && direction),
      .write_address(address),
      .write_word(halves),
      .read_address(address),
      .read_word(stored_1)
  );

  logic [LATENCY:0] adding;
  logic [READ:0] from_direction;
  logic [PE_OUT*HALF_BITS-1:0] opposite, halves_then;
  delay_flag #(
      .CLOCKS(LATENCY)
  ) delay_adding (
      .clk,
      .rst,
      .flag(halves_valid && !storing),
      .taps(adding)
  );
  delay_flag #(
      .CLOCKS(READ)
  ) delay_direction (
      .clk,
      .rst,
      .flag(direction),
      .taps(from_direction)
  );
  delay #(
      .WIDTH (PE_OUT * HALF_BITS),
      .CLOCKS(READ + 1)
  ) delay_halves (
      .clk,
      .in (halves),
      .out(halves_then)
  );
  always_ff @(posedge clk) opposite <= from_direction[READ] ? stored_0 : stored_1;
  for (genvar p = 0; p < PE_OUT; p++) begin : lane
    logic signed [HALF_BITS-1:0] one, other;
    logic signed [SCORE_BITS-1:0] score;
    assign one   = opposite[p*HALF_BITS+:HALF_BITS];
    assign other = halves_then[p*HALF_BITS+:HALF_BITS];
    always_ff @(posedge clk) score <= SCORE_BITS'(one) + SCORE_BITS'(other);
    assign scores[p*SCORE_BITS+:SCORE_BITS] = score;
  end
  assign scores_valid = adding[LATENCY];
endmodule
