// The LSTM cell of one unit: from its four gate sums and its cell state to the new cell state and the hidden output.
//
//   i, f, o = sigmoid(sum_i), sigmoid(sum_f), sigmoid(sum_o)    g = tanh(sum_g)
//   state   = SAT16(SAT16(RND_CONV(i * g)) + SAT16(RND_CONV(f * state before)))
//   hidden  = SAT(RND_CONV(tanh(state) * o))
//
// With peepholes, sum_i and sum_f see the state before, sum_o the new one. At the first step of a line (`first`) the
// state before is 0 and no peephole acts.
//
// Everything is a pipeline without enables: the state comes 6 clocks after the sums (9 with peepholes), the hidden output
// 11 clocks after them (17 with peepholes).
module cell_state #(
    parameter int ACTIVATION_BITS = 4,
    parameter int HAS_PEEPHOLES = 0,
    parameter int PEEPHOLE_BITS = 1,
    parameter int PEEPHOLE_INTEGER_BITS = 1,
    parameter int SUM_BITS = 16
) (
    input logic clk,
    input logic first,
    input logic signed [SUM_BITS-1:0] sum_i,
    input logic signed [SUM_BITS-1:0] sum_f,
    input logic signed [SUM_BITS-1:0] sum_g,
    input logic signed [SUM_BITS-1:0] sum_o,
    input logic signed [15:0] state_before,  // not read at the first step
    /* verilator lint_off UNUSEDSIGNAL */
    input logic [3*PEEPHOLE_BITS-1:0] peepholes,  // of gates i, f, o; not used without peepholes
    /* verilator lint_on UNUSEDSIGNAL */
    output logic signed [15:0] state,
    output logic signed [ACTIVATION_BITS-1:0] hidden
);
  localparam int TABLE = 3;  // clocks of a lookup
  localparam int PEEPHOLE = HAS_PEEPHOLES != 0 ? 3 : 0;
  localparam int UNTIL_STATE = PEEPHOLE + TABLE + 3;

  logic signed [15:0] old;
  assign old = first ? 16'sd0 : state_before;

  // Gate inputs.
  logic signed [15:0] input_i, input_f, input_g, input_o;
  logic signed [SUM_BITS-1:0] sum_g_then;
  delay #(
      .WIDTH (SUM_BITS),
      .CLOCKS(PEEPHOLE)
  ) delay_g (
      .clk,
      .in (sum_g),
      .out(sum_g_then)
  );
  assign input_g = 16'(sum_g_then);
  if (HAS_PEEPHOLES != 0) begin : with_peepholes
    logic [PEEPHOLE_BITS-1:0] weight_o;
    logic first_at_state;
    logic signed [SUM_BITS-1:0] sum_o_then;
    peephole #(
        .WEIGHT_BITS(PEEPHOLE_BITS),
        .WEIGHT_INTEGER_BITS(PEEPHOLE_INTEGER_BITS),
        .SUM_BITS(SUM_BITS)
    ) peephole_i (
        .clk,
        .sum(sum_i),
        .weight(peepholes[0+:PEEPHOLE_BITS]),
        .state(old),
        .gate_input(input_i)
    );
    peephole #(
        .WEIGHT_BITS(PEEPHOLE_BITS),
        .WEIGHT_INTEGER_BITS(PEEPHOLE_INTEGER_BITS),
        .SUM_BITS(SUM_BITS)
    ) peephole_f (
        .clk,
        .sum(sum_f),
        .weight(peepholes[PEEPHOLE_BITS+:PEEPHOLE_BITS]),
        .state(old),
        .gate_input(input_f)
    );
    delay #(
        .WIDTH (SUM_BITS + PEEPHOLE_BITS + 1),
        .CLOCKS(UNTIL_STATE)
    ) delay_o (
        .clk,
        .in ({sum_o, peepholes[2*PEEPHOLE_BITS+:PEEPHOLE_BITS], first}),
        .out({sum_o_then, weight_o, first_at_state})
    );
    peephole #(
        .WEIGHT_BITS(PEEPHOLE_BITS),
        .WEIGHT_INTEGER_BITS(PEEPHOLE_INTEGER_BITS),
        .SUM_BITS(SUM_BITS)
    ) peephole_o (
        .clk,
        .sum(sum_o_then),
        .weight(weight_o),
        .state(first_at_state ? 16'sd0 : state),
        .gate_input(input_o)
    );
  end else begin : without_peepholes
    assign input_i = 16'(sum_i);
    assign input_f = 16'(sum_f);
    assign input_o = 16'(sum_o);
  end

  // Gates: sigmoids 0..64, tanh -64..64, in units of 1/64.
  logic [6:0] i, f, o_early, o;
  logic signed [7:0] g;
  activation sigmoid_i (
      .clk,
      .value(input_i),
      .entry(i)
  );
  activation sigmoid_f (
      .clk,
      .value(input_f),
      .entry(f)
  );
  activation #(
      .BOUND(3),
      .SHIFT(2),
      .ENTRY_BITS(8),
      .FILE("tanh.mem")
  ) tanh_g (
      .clk,
      .value(input_g),
      .entry(g)
  );
  activation sigmoid_o (
      .clk,
      .value(input_o),
      .entry(o_early)
  );

  // Cell state.
  logic signed [15:0] old_then, added_exact, added_rounded, added, kept_rounded, kept, state_next;
  logic signed [23:0] kept_exact;
  delay #(
      .WIDTH (16),
      .CLOCKS(PEEPHOLE + TABLE)
  ) delay_before (
      .clk,
      .in (old),
      .out(old_then)
  );
  always_ff @(posedge clk) begin
    added_exact <= 16'($signed({1'b0, i})) * 16'(g);
    kept_exact  <= 24'($signed({1'b0, f})) * 24'(old_then);
  end
  round_saturate #(
      .IN_BITS(16),
      .DROP(4),
      .OUT_BITS(16)
  ) round_added (
      .in (added_exact),
      .out(added_rounded)
  );
  round_saturate #(
      .IN_BITS(24),
      .DROP(6),
      .OUT_BITS(16)
  ) round_kept (
      .in (kept_exact),
      .out(kept_rounded)
  );
  always_ff @(posedge clk) begin
    added <= added_rounded;
    kept  <= kept_rounded;
  end
  saturating_sum new_state (
      .a  (added),
      .b  (kept),
      .sum(state_next)
  );
  always_ff @(posedge clk) state <= state_next;

  // Hidden output. Without peepholes the gate o waits for the state, with them tanh(state) waits for the gate.
  logic signed [7:0] tanh_early, tanh_state;
  logic signed [15:0] hidden_exact;
  logic signed [ACTIVATION_BITS-1:0] hidden_rounded;
  activation #(
      .BOUND(3),
      .SHIFT(2),
      .ENTRY_BITS(8),
      .FILE("tanh.mem")
  ) tanh_of_state (
      .clk,
      .value(state),
      .entry(tanh_early)
  );
  delay #(
      .WIDTH (8),
      .CLOCKS(PEEPHOLE)
  ) delay_tanh (
      .clk,
      .in (tanh_early),
      .out(tanh_state)
  );
  delay #(
      .WIDTH (7),
      .CLOCKS(HAS_PEEPHOLES != 0 ? 0 : UNTIL_STATE)
  ) delay_gate_o (
      .clk,
      .in (o_early),
      .out(o)
  );
  always_ff @(posedge clk) hidden_exact <= 16'(tanh_state) * 16'($signed({1'b0, o}));
  round_saturate #(
      .IN_BITS(16),
      .DROP(13 - ACTIVATION_BITS),
      .OUT_BITS(ACTIVATION_BITS)
  ) round_hidden (
      .in (hidden_exact),
      .out(hidden_rounded)
  );
  always_ff @(posedge clk) hidden <= hidden_rounded;
endmodule
