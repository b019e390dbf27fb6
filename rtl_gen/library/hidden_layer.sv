// The bidirectional hidden layer: gate sums, cell state and hidden output of HIDDEN units in two directions.
//
// Both directions share the hardware. A pass computes one step of time of one direction, unit block after unit block (PE
// units each); a block takes FOLDS clocks, in each of which every gate of every unit adds SIMD_INPUT + SIMD_RECURRENT
// products. Passes alternate: direction 0 of a step, direction 1, direction 0 of the next step. A pass reads the hidden
// outputs of the pass before the last, so the pipeline does not drain: while the last units of one direction go through
// it, the first units of the other enter it. A pass waits
//
//   - for its column,
//   - until the hidden outputs of its direction's last pass are known; never where a pass issues
//     for at least HIDDEN_OUT - 1 clocks,
//   - until the output layer has room for its hidden outputs.
//
// The stages, by the clock after that in which a fold is issued:
//
//   0                  direction, block and fold; addresses of the weights
//   1                  operands of the fold are selected
//   OPERANDS           products of weights and operands, ...
//   ADD                ... their sum, which is added to the gate sums
//   SUMS               gate sums of a block, one clock after its last fold: `cell_state`
//   HIDDEN_OUT         hidden outputs of a block
module hidden_layer #(
    parameter int INPUTS = 2,
    parameter int HIDDEN = 2,
    parameter int ACTIVATION_BITS = 4,
    parameter int WEIGHT_BITS = 2,
    parameter int BIAS_BITS = 8,
    parameter int HAS_PEEPHOLES = 0,
    parameter int PEEPHOLE_BITS = 1,
    parameter int PEEPHOLE_INTEGER_BITS = 1,
    parameter int SUM_BITS = 16,  // of a gate sum
    parameter int PE = 1,
    parameter int SIMD_INPUT = 1,
    parameter int SIMD_RECURRENT = 1,
    parameter int MAX_COLUMNS = 2,
    parameter int QUEUE_WORDS = 2,  // hidden words that the output layer holds
    parameter int COLUMN_BITS = INPUTS * ACTIVATION_BITS,
    parameter int WORD_BITS = HIDDEN * ACTIVATION_BITS
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [15:0] columns,

    input logic column_valid,
    output logic column_ready,
    input logic [COLUMN_BITS-1:0] column,

    output logic hidden_valid,
    output logic [WORD_BITS-1:0] hidden,  // all units of one direction
    input logic hidden_taken,

    output logic gates_valid,  // gate sums of a block, for observation
    output logic [PE*64-1:0] gates
);
  localparam int BLOCKS = HIDDEN / PE;
  localparam int INPUT_FOLDS = INPUTS / SIMD_INPUT;
  localparam int RECURRENT_FOLDS = HIDDEN / SIMD_RECURRENT;
  localparam int FOLDS = INPUT_FOLDS > RECURRENT_FOLDS ? INPUT_FOLDS : RECURRENT_FOLDS;
  localparam int ROWS = 2 * BLOCKS;  // (direction, block)

  localparam int LANES = SIMD_INPUT + SIMD_RECURRENT;
  localparam int ROUND_LATENCY = ACTIVATION_BITS + WEIGHT_BITS > 10 ? 1 : 0;
  localparam int DOT_LATENCY = 1 + ROUND_LATENCY + ($clog2(LANES) + 1) / 2;  // of `dot`
  localparam int OPERANDS = 3;  // latency of `rom` with its 3 registers, and of the selection
  localparam int ADD = OPERANDS + DOT_LATENCY;
  localparam int SUMS = ADD + 1;
  localparam int STATE_LATENCY = HAS_PEEPHOLES != 0 ? 9 : 6;  // of `cell_state`
  localparam int HIDDEN_LATENCY = HAS_PEEPHOLES != 0 ? 17 : 11;
  localparam int HIDDEN_OUT = SUMS + HIDDEN_LATENCY;

  localparam int BLOCK_BITS = BLOCKS > 1 ? $clog2(BLOCKS) : 1;
  localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
  localparam int ROW_BITS = $clog2(ROWS);
  localparam int INPUT_ROWS = ROWS * INPUT_FOLDS;
  localparam int RECURRENT_ROWS = ROWS * RECURRENT_FOLDS;
  localparam int PASSES_BITS = $clog2(2 * MAX_COLUMNS + 1);
  localparam int QUEUE_BITS = $clog2(QUEUE_WORDS + 1);

  // Passes: `go` decides that one begins with the next clock.

  logic [PASSES_BITS-1:0] passes;  // still to begin
  logic [QUEUE_BITS-1:0] promised;  // hidden words that the output layer holds or will get
  logic [1:0] pending;  // directions whose last pass has not delivered its hidden outputs
  logic direction_next;  // of the next pass
  logic go, issuing, last_issue, loading;
  logic finishing, finish_direction;

  logic [ FOLD_BITS-1:0] fold;
  logic [BLOCK_BITS-1:0] block;
  logic direction, first, first_next;
  logic last_fold, last_block;
  assign last_fold = fold == FOLD_BITS'(FOLDS - 1);
  assign last_block = block == BLOCK_BITS'(BLOCKS - 1);
  assign last_issue = issuing && last_fold && last_block;

  // A column that `loading` takes is still valid in this clock.
  assign go = (!issuing || last_issue) && passes != '0 && column_valid && !loading && !pending[direction_next] &&
      promised != QUEUE_BITS'(QUEUE_WORDS);

  always_ff @(posedge clk) begin
    loading <= go;
    if (go) issuing <= 1;
    else if (last_issue) issuing <= 0;
    if (start) passes <= PASSES_BITS'({columns, 1'b0});
    else if (go) passes <= passes - 1'b1;
    if (go) begin
      direction <= direction_next;
      first <= first_next;
      direction_next <= !direction_next;
      if (direction_next) first_next <= 0;
      if (direction_next) pending[1] <= 1;
      else pending[0] <= 1;
    end
    if (finishing) begin
      if (finish_direction) pending[1] <= 0;
      else pending[0] <= 0;
      finish_direction <= !finish_direction;
    end
    if (go && !hidden_taken) promised <= promised + 1'b1;
    else if (hidden_taken && !go) promised <= promised - 1'b1;
    if (rst || start) first_next <= 1;
    if (rst) begin
      passes <= '0;
      promised <= '0;
      pending <= '0;
      direction_next <= 0;
      finish_direction <= 0;
      issuing <= 0;
      loading <= 0;
    end
  end

  always_ff @(posedge clk) begin
    if (issuing) begin
      fold <= last_fold ? '0 : fold + 1'b1;
      if (last_fold) block <= last_block ? '0 : block + 1'b1;
    end
    if (rst) begin
      fold  <= '0;
      block <= '0;
    end
  end

  // The same flags in later stages.
  logic [HIDDEN_OUT:0] ended, finished;
  logic [SUMS:0] opened, first_at;
  delay_flag #(
      .CLOCKS(HIDDEN_OUT)
  ) delay_ended (
      .clk,
      .rst,
      .flag(issuing && last_fold),
      .taps(ended)
  );
  delay_flag #(
      .CLOCKS(HIDDEN_OUT)
  ) delay_finished (
      .clk,
      .rst,
      .flag(last_issue),
      .taps(finished)
  );
  delay_flag #(
      .CLOCKS(SUMS)
  ) delay_opened (
      .clk,
      .rst,
      .flag(fold == '0),
      .taps(opened)
  );
  delay_flag #(
      .CLOCKS(SUMS)
  ) delay_first (
      .clk,
      .rst,
      .flag(first),
      .taps(first_at)
  );
  // Two clocks before the hidden outputs are: a pass that begins at once reads them when they are there.
  assign finishing = finished[HIDDEN_OUT-2];

  // Weights. The words of each side lie in the order of their use.

  logic input_turn, recurrent_turn;  // the side with fewer folds rests in the last ones
  if (INPUT_FOLDS == FOLDS) begin : input_always
    assign input_turn = 1;
  end else begin : input_first
    assign input_turn = fold < FOLD_BITS'(INPUT_FOLDS);
  end
  if (RECURRENT_FOLDS == FOLDS) begin : recurrent_always
    assign recurrent_turn = 1;
  end else begin : recurrent_first
    assign recurrent_turn = fold < FOLD_BITS'(RECURRENT_FOLDS);
  end

  logic [$clog2(INPUT_ROWS)-1:0] input_row;
  logic [$clog2(RECURRENT_ROWS)-1:0] recurrent_row;
  logic [PE*4*SIMD_INPUT*WEIGHT_BITS-1:0] input_weights;
  logic [PE*4*SIMD_RECURRENT*WEIGHT_BITS-1:0] recurrent_weights;
  cyclic_counter #(
      .COUNT(INPUT_ROWS)
  ) count_input_rows (
      .clk,
      .rst,
      .enable(issuing && input_turn),
      .value (input_row)
  );
  cyclic_counter #(
      .COUNT(RECURRENT_ROWS)
  ) count_recurrent_rows (
      .clk,
      .rst,
      .enable(issuing && recurrent_turn),
      .value (recurrent_row)
  );
  rom #(
      .WIDTH(PE * 4 * SIMD_INPUT * WEIGHT_BITS),
      .DEPTH(INPUT_ROWS),
      .FILE("input_weights.mem"),
      .LATENCY(OPERANDS)
  ) input_rom (
      .clk,
      .address(input_row),
      .word(input_weights)
  );
  rom #(
      .WIDTH(PE * 4 * SIMD_RECURRENT * WEIGHT_BITS),
      .DEPTH(RECURRENT_ROWS),
      .FILE("recurrent_weights.mem"),
      .LATENCY(OPERANDS)
  ) recurrent_rom (
      .clk,
      .address(recurrent_row),
      .word(recurrent_weights)
  );

  // Operands: the column of this pass and the hidden outputs of its direction, a fold at a time.

  logic [COLUMN_BITS-1:0] pixels;
  logic [WORD_BITS-1:0] previous_0, previous_1;  // of direction 0 and 1; 0 at the first step
  logic [SIMD_INPUT*ACTIVATION_BITS-1:0] input_lanes;
  logic [SIMD_RECURRENT*ACTIVATION_BITS-1:0] recurrent_lanes;
  logic [FOLD_BITS-1:0] fold_then;
  logic direction_then, input_turn_then, recurrent_turn_then;

  assign column_ready = loading;
  always_ff @(posedge clk) begin
    if (loading) pixels <= column;
    fold_then <= fold;
    direction_then <= direction;
    input_turn_then <= input_turn;
    recurrent_turn_then <= recurrent_turn;
  end
  operands #(
      .BITS(SIMD_INPUT * ACTIVATION_BITS),
      .FOLDS(INPUT_FOLDS),
      .INDEX_BITS(FOLD_BITS)
  ) select_input (
      .clk,
      .enable(input_turn_then),
      .values(pixels),
      .fold  (fold_then),
      .lanes (input_lanes)
  );
  operands #(
      .BITS(SIMD_RECURRENT * ACTIVATION_BITS),
      .FOLDS(RECURRENT_FOLDS),
      .INDEX_BITS(FOLD_BITS)
  ) select_recurrent (
      .clk,
      .enable(recurrent_turn_then),
      .values(direction_then ? previous_1 : previous_0),
      .fold  (fold_then),
      .lanes (recurrent_lanes)
  );

  // Gate sums. The bias begins a block's sum; only its selection and one addition are on the path from clock to clock.
  // `total` has SUM_BITS bits less the lowest ones of the 8 fraction bits, if neither products nor biases have them.

  localparam int PRODUCT_ABSENT = ACTIVATION_BITS + WEIGHT_BITS < 10 ? 10 - ACTIVATION_BITS - WEIGHT_BITS : 0;
  localparam int BIAS_ABSENT = 9 - BIAS_BITS;
  localparam int ABSENT_BITS = PRODUCT_ABSENT < BIAS_ABSENT ? PRODUCT_ABSENT : BIAS_ABSENT;
  localparam int TOTAL_BITS = SUM_BITS - ABSENT_BITS;

  logic [ROW_BITS-1:0] bias_row, unit_row;
  logic [PE*4*(BIAS_BITS+1)-1:0] biases;
  cyclic_counter #(
      .COUNT(ROWS)
  ) count_bias_rows (
      .clk,
      .rst,
      .enable(ended[ADD-2]),
      .value (bias_row)
  );
  always_ff @(posedge clk) unit_row <= bias_row;
  rom #(
      .WIDTH(PE * 4 * (BIAS_BITS + 1)),
      .DEPTH(ROWS),
      .FILE ("gate_biases.mem")
  ) bias_rom (
      .clk,
      .address(bias_row),
      .word(biases)
  );

  logic [PE*16-1:0] states, states_before;
  logic [PE*3*PEEPHOLE_BITS-1:0] peepholes;
  logic [PE*ACTIVATION_BITS-1:0] outputs;
  for (genvar p = 0; p < PE; p++) begin : unit
    for (genvar gate = 0; gate < 4; gate++) begin : gate_sum
      localparam int K = p * 4 + gate;
      logic signed [SUM_BITS-PRODUCT_ABSENT-1:0] products;
      logic signed [TOTAL_BITS-1:0] bias, terms, total;
      logic signed [SUM_BITS-1:0] sum;
      dot #(
          .LANES(LANES),
          .VALUE_BITS(ACTIVATION_BITS),
          .WEIGHT_BITS(WEIGHT_BITS),
          .SUM_BITS(SUM_BITS)
      ) multiply (
          .clk,
          .values({recurrent_lanes, input_lanes}),
          .weights({
            recurrent_weights[K*SIMD_RECURRENT*WEIGHT_BITS+:SIMD_RECURRENT*WEIGHT_BITS],
            input_weights[K*SIMD_INPUT*WEIGHT_BITS+:SIMD_INPUT*WEIGHT_BITS]
          }),
          .sum(products)
      );
      assign bias  = TOTAL_BITS'($signed(biases[K*(BIAS_BITS+1)+:BIAS_BITS+1])) <<< (BIAS_ABSENT - ABSENT_BITS);
      assign terms = TOTAL_BITS'(products) <<< (PRODUCT_ABSENT - ABSENT_BITS);
      always_ff @(posedge clk) total <= (opened[ADD] ? bias : total) + terms;
      assign sum = SUM_BITS'(total) <<< ABSENT_BITS;
      assign gates[K*16+:16] = 16'(sum);
    end

    cell_state #(
        .ACTIVATION_BITS(ACTIVATION_BITS),
        .HAS_PEEPHOLES(HAS_PEEPHOLES),
        .PEEPHOLE_BITS(PEEPHOLE_BITS),
        .PEEPHOLE_INTEGER_BITS(PEEPHOLE_INTEGER_BITS),
        .SUM_BITS(SUM_BITS)
    ) cell_of_unit (
        .clk,
        .first(first_at[SUMS]),
        .sum_i(gate_sum[0].sum),
        .sum_f(gate_sum[1].sum),
        .sum_g(gate_sum[2].sum),
        .sum_o(gate_sum[3].sum),
        .state_before(states_before[p*16+:16]),
        .peepholes(peepholes[p*3*PEEPHOLE_BITS+:3*PEEPHOLE_BITS]),
        .state(states[p*16+:16]),
        .hidden(outputs[p*ACTIVATION_BITS+:ACTIVATION_BITS])
    );
  end
  assign gates_valid = ended[SUMS];

  // Cell states and peepholes of a block: each is there when its gate sums are.

  logic [ROW_BITS-1:0] written_row;
  cyclic_counter #(
      .COUNT(ROWS)
  ) count_written_rows (
      .clk,
      .rst,
      .enable(ended[SUMS+STATE_LATENCY]),
      .value (written_row)
  );
  ram #(
      .WIDTH(PE * 16),
      .DEPTH(ROWS)
  ) cells (
      .clk,
      .write(ended[SUMS+STATE_LATENCY]),
      .write_address(written_row),
      .write_word(states),
      .read_address(unit_row),
      .read_word(states_before)
  );
  if (HAS_PEEPHOLES != 0) begin : with_peepholes
    rom #(
        .WIDTH(PE * 3 * PEEPHOLE_BITS),
        .DEPTH(ROWS),
        .FILE ("peepholes.mem")
    ) peephole_rom (
        .clk,
        .address(unit_row),
        .word(peepholes)
    );
  end else begin : without_peepholes
    assign peepholes = '0;
  end

  // Hidden outputs: the blocks of a pass are collected, and the whole word goes to the next step and to the output layer.

  if (BLOCKS > 1) begin : collect
    logic [WORD_BITS-PE*ACTIVATION_BITS-1:0] collected;  // a shift register: blocks enter at the top
    always_ff @(posedge clk) if (ended[HIDDEN_OUT]) collected <= hidden[WORD_BITS-1:PE*ACTIVATION_BITS];
    assign hidden = {outputs, collected};
  end else begin : whole
    assign hidden = outputs;
  end
  assign hidden_valid = finished[HIDDEN_OUT];

  // Passes end two clocks apart or more, so a clock before the word comes its direction is known.
  logic direction_out;
  logic [1:0] take;
  always_ff @(posedge clk) begin
    take <= {finished[HIDDEN_OUT-1] && direction_out, finished[HIDDEN_OUT-1] && !direction_out};
    if (hidden_valid) direction_out <= !direction_out;
    if (take[0]) previous_0 <= hidden;
    if (take[1]) previous_1 <= hidden;
    if (rst || start) begin
      previous_0 <= '0;
      previous_1 <= '0;
    end
    if (rst) begin
      take <= '0;
      direction_out <= 0;
    end
  end
endmodule
