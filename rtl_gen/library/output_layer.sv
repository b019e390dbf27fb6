// The output layer: class scores from the hidden outputs, PE_OUT classes at a time.
//
// The half score of each direction is computed separately, as the halves of a column come at different times. A word of
// hidden outputs takes BLOCKS clocks, one for each block of classes; the last block is padded with classes whose weights
// are 0, and their scores are never a best score. Nothing waits behind this stage.
//
// A half score has SUM_BITS bits less the ABSENT_BITS lowest ones of the 8 fraction bits, which neither products nor biases
// have.
//
// Latency: 4 + DOT_LATENCY clocks from the issue of a block to its half scores.
module output_layer #(
    parameter int HIDDEN = 2,
    parameter int CLASSES = 2,
    parameter int ACTIVATION_BITS = 4,
    parameter int WEIGHT_BITS = 8,
    parameter int BIAS_BITS = 8,
    parameter int SUM_BITS = 16,  // of a half score
    parameter int PE_OUT = 1,
    parameter int QUEUE_WORDS = 15,  // waiting words, a power of 2 less 1; the queue also holds the one that is read
    parameter int WORD_BITS = HIDDEN * ACTIVATION_BITS,
    parameter int PRODUCT_ABSENT = ACTIVATION_BITS + WEIGHT_BITS < 10 ? 10 - ACTIVATION_BITS - WEIGHT_BITS : 0,
    parameter int BIAS_ABSENT = 9 - BIAS_BITS,
    parameter int ABSENT_BITS = PRODUCT_ABSENT < BIAS_ABSENT ? PRODUCT_ABSENT : BIAS_ABSENT,
    parameter int HALF_BITS = SUM_BITS - ABSENT_BITS
) (
    input logic clk,
    input logic rst,

    input logic hidden_valid,
    input logic [WORD_BITS-1:0] hidden,
    output logic hidden_taken,

    output logic halves_valid,
    output logic [PE_OUT*HALF_BITS-1:0] halves
);
  localparam int BLOCKS = (CLASSES + PE_OUT - 1) / PE_OUT;
  localparam int ROWS = 2 * BLOCKS;  // (direction, block)
  localparam int ROUND_LATENCY = ACTIVATION_BITS + WEIGHT_BITS > 10 ? 1 : 0;
  localparam int DOT_LATENCY = 1 + ROUND_LATENCY + ($clog2(HIDDEN) + 1) / 2;  // of `dot`
  localparam int OPERANDS = 3;  // latency of `rom` with its 3 registers
  localparam int LATENCY = OPERANDS + DOT_LATENCY + 1;
  localparam int BLOCK_BITS = BLOCKS > 1 ? $clog2(BLOCKS) : 1;
  localparam int ROW_BITS = $clog2(ROWS);
  localparam int QUEUE_BITS = $clog2(QUEUE_WORDS + 1);

  // Words that wait. The word that is read changes with the first block of the next pass.

  logic [QUEUE_BITS-1:0] waiting, written, taken;
  logic issuing, last_block, go;
  logic [BLOCK_BITS-1:0] block;
  assign last_block = block == BLOCK_BITS'(BLOCKS - 1);
  assign go = (!issuing || last_block) && waiting != '0;
  assign hidden_taken = go;

  always_ff @(posedge clk) begin
    if (hidden_valid && !go) waiting <= waiting + 1'b1;
    else if (go && !hidden_valid) waiting <= waiting - 1'b1;
    if (hidden_valid) written <= written + 1'b1;
    if (go) taken <= taken + 1'b1;
    if (go) issuing <= 1;
    else if (last_block) issuing <= 0;
    if (issuing) block <= last_block ? '0 : block + 1'b1;
    if (rst) begin
      waiting <= '0;
      written <= '0;
      taken   <= '1;  // the first word that is taken is word 0
      issuing <= 0;
      block   <= '0;
    end
  end

  logic [WORD_BITS-1:0] queue_word, values;  // values: OPERANDS clocks behind the issue, as the weights are
  always_ff @(posedge clk) values <= queue_word;
  ram #(
      .WIDTH(WORD_BITS),
      .DEPTH(QUEUE_WORDS + 1),
      .LUTS (1)
  ) queue (
      .clk,
      .write(hidden_valid),
      .write_address(written),
      .write_word(hidden),
      .read_address(taken),
      .read_word(queue_word)
  );

  // Weights and biases.

  logic [ROW_BITS-1:0] row, bias_row;
  logic [PE_OUT*HIDDEN*WEIGHT_BITS-1:0] weights;
  logic [PE_OUT*BIAS_BITS-1:0] biases;
  cyclic_counter #(
      .COUNT(ROWS)
  ) count_rows (
      .clk,
      .rst,
      .enable(issuing),
      .value (row)
  );
  rom #(
      .WIDTH(PE_OUT * HIDDEN * WEIGHT_BITS),
      .DEPTH(ROWS),
      .FILE("class_weights.mem"),
      .LATENCY(OPERANDS)
  ) weight_rom (
      .clk,
      .address(row),
      .word(weights)
  );
  delay #(
      .WIDTH (ROW_BITS),
      .CLOCKS(OPERANDS + DOT_LATENCY - 2)
  ) delay_row (
      .clk,
      .in (row),
      .out(bias_row)
  );
  rom #(
      .WIDTH(PE_OUT * BIAS_BITS),
      .DEPTH(ROWS),
      .FILE ("class_biases.mem")
  ) bias_rom (
      .clk,
      .address(bias_row),
      .word(biases)
  );

  for (genvar p = 0; p < PE_OUT; p++) begin : lane
    logic signed [SUM_BITS-PRODUCT_ABSENT-1:0] products;
    logic signed [HALF_BITS-1:0] bias, terms, total;
    dot #(
        .LANES(HIDDEN),
        .VALUE_BITS(ACTIVATION_BITS),
        .WEIGHT_BITS(WEIGHT_BITS),
        .TIES_TO_EVEN(1),
        .SUM_BITS(SUM_BITS)
    ) multiply (
        .clk,
        .values,
        .weights(weights[p*HIDDEN*WEIGHT_BITS+:HIDDEN*WEIGHT_BITS]),
        .sum(products)
    );
    assign bias  = HALF_BITS'($signed(biases[p*BIAS_BITS+:BIAS_BITS])) <<< (BIAS_ABSENT - ABSENT_BITS);
    assign terms = HALF_BITS'(products) <<< (PRODUCT_ABSENT - ABSENT_BITS);
    always_ff @(posedge clk) total <= bias + terms;
    assign halves[p*HALF_BITS+:HALF_BITS] = total;
  end

  logic [LATENCY:0] issued;
  delay_flag #(
      .CLOCKS(LATENCY)
  ) delay_issued (
      .clk,
      .rst,
      .flag(issuing),
      .taps(issued)
  );
  assign halves_valid = issued[LATENCY];
endmodule
