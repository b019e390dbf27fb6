"""Deliberate faults of the library, to test the tests: each must be seen, or be shown to be without effect."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.rtl_gen.sources import LIBRARY


class Judge(Enum):
    """What must show a fault."""

    LINES = "hidden outputs, scores, labels, their count or the clocks of lines through `recognise`"
    BUSES = "the bench of the buses"
    SERIAL = "the scenarios of the serial board"
    PROOF = "yosys, which finds an input of the module whose output breaks the rule"
    WITHOUT_EFFECT = "yosys, which proves that the changed module has the same outputs"


@dataclass(frozen=True)
class Mutation:
    """A piece of text that stands once in a file of the library, and what replaces it.

    module   name of the file without its ending
    fault    what is wrong then
    judge    what must show it
    """

    module: str
    old: str
    new: str
    fault: str
    judge: Judge

    def changed_text(self) -> str:
        """The text of the file with the fault."""
        text = (LIBRARY / f"{self.module}.sv").read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.module}.sv has {text.count(self.old)} times {self.old!r}; expected once")
        return text.replace(self.old, self.new)


def _of(judge: Judge, module: str, *changes: tuple[str, str, str]) -> list[Mutation]:
    return [Mutation(module, old, new, fault, judge) for old, new, fault in changes]


DATAPATH = [
    *_of(
        Judge.LINES,
        "activation",
        ("scaled >> 9", "scaled >> 8", "the index is twice as large"),
        ("(15'(offset) << SHIFT)", "(15'(offset) << 1)", "tanh has the sigmoid's factor"),
        ("else if (!from_highest[16])", "else if (1'b0)", "values above the bound are not clipped"),
    ),
    *_of(
        Judge.LINES,
        "best_classes",
        (
            "logic signed [SCORE_BITS-1:0] score, maximum;",
            "logic signed [SCORE_BITS-1:0] score; logic signed [SCORE_BITS-2:0] maximum;",
            "the highest score is one bit too narrow",
        ),
        (
            "second = lead[SCORE_BITS]",
            "second = lead[SCORE_BITS] || lead == '0",
            "of equal scores in a block the last one is taken",
        ),
        ("'0 : lead[SCORE_BITS];", "'0 : lead[SCORE_BITS] || lead == '0;", "of equal scores the last one is taken"),
        ("!score[SCORE_BITS-1] && score != '0", "!score[SCORE_BITS-1]", "a score of 0 can be the best one"),
        (
            "else if (first_block) maximum <= '0;",
            "else if (first_block) begin\n        maximum <= '0;\n        label <= '0;\n      end",
            "the label is not kept",
        ),
        ("label == '0 ? '0 : maximum", "maximum", "a blank column has a value"),
        (
            "first_class <= '0;\n      label <= '0;",
            "first_class <= '0;\n      if (rst) label <= '0;",
            "a line begins with the last label of the one before",
        ),
        ("first_class + 8'(PE_OUT)", "first_class + 8'd1", "the first class of a block is wrong"),
    ),
    *_of(
        Judge.LINES,
        "cell_state",
        (
            "input_g = 16'(sum_g_then);",
            "input_g = 16'($signed(sum_g_then[SUM_BITS-2:0]));",
            "the sum of gate g is one bit too narrow",
        ),
        (
            "input_i = 16'(sum_i);",
            "input_i = 16'($signed(sum_i[SUM_BITS-2:0]));",
            "the sum of gate i is one bit too narrow",
        ),
        ("first ? 16'sd0 : state_before", "state_before", "the first step sees the state of the line before"),
        (".DROP(4)", ".DROP(3)", "i * g is twice as large"),
        (".DROP(13 - ACTIVATION_BITS)", ".DROP(12 - ACTIVATION_BITS)", "hidden outputs are twice as large"),
        (".CLOCKS(PEEPHOLE + TABLE)", ".CLOCKS(TABLE)", "with peepholes the state before is another unit's"),
        ("first_at_state ? 16'sd0 : state", "state", "the output gate's peephole acts at the first step"),
        (
            ".weight(peepholes[0+:PEEPHOLE_BITS])",
            ".weight(peepholes[PEEPHOLE_BITS+:PEEPHOLE_BITS])",
            "the input gate has the forget gate's peephole",
        ),
        (
            ".CLOCKS(HAS_PEEPHOLES != 0 ? 0 : UNTIL_STATE)",
            ".CLOCKS(HAS_PEEPHOLES != 0 ? 0 : UNTIL_STATE - 1)",
            "the output gate is another unit's",
        ),
        (".value(input_g)", ".value(input_f)", "g has the forget gate's sum"),
        (".CLOCKS(PEEPHOLE)\n  ) delay_tanh", ".CLOCKS(0)\n  ) delay_tanh", "with peepholes tanh is another unit's"),
    ),
    *_of(
        Judge.LINES,
        "round_saturate",
        ("(1 <<< (DROP - 1)) - 1;", "(1 <<< (DROP - 1));", "ties go up"),
        ("in[DROP]}", "1'b0}", "ties go down"),
        (
            "out = in_range ? rounded[OUT_BITS-1:0] :",
            "out = 1'b1 ? rounded[OUT_BITS-1:0] :",
            "values outside the range wrap",
        ),
        ("{(OUT_BITS - 1) {!sign}}", "{(OUT_BITS - 1) {sign}}", "values outside the range are limited to -1 or 0"),
    ),
    *_of(
        Judge.LINES,
        "saturating_sum",
        ("{15{~wide[16]}}", "{15{wide[16]}}", "a sum outside the range is limited to -1 or 0"),
        ("wide[16] == wide[15] ?", "wide[16] == wide[16] ?", "sums wrap"),
    ),
    *_of(
        Judge.LINES,
        "product",
        ("(A_BITS + B_BITS)'(a) *", "(A_BITS + B_BITS)'($unsigned(a)) *", "values have no sign in products"),
    ),
    *_of(
        Judge.LINES,
        "dot",
        ("product[DROP] : product[FULL_BITS-1]", "product[DROP] : ~product[FULL_BITS-1]", "ties go away from zero"),
        (
            "TIES_TO_EVEN ? product[DROP] : product",
            "TIES_TO_EVEN ? product[FULL_BITS-1] : product",
            "scores are rounded as gate sums are",
        ),
        (
            "FRACTION_BITS > 8 ? FRACTION_BITS - 8",
            "FRACTION_BITS > 8 ? FRACTION_BITS - 7",
            "one bit too many is removed",
        ),
        ("TREE_BITS = SUM_BITS - ABSENT_BITS", "TREE_BITS = SUM_BITS - 1 - ABSENT_BITS", "sums wrap at one bit less"),
        (
            "BITS = PRODUCT_BITS + l < TREE_BITS ? PRODUCT_BITS + l : TREE_BITS",
            "BITS = PRODUCT_BITS + l - 1 < TREE_BITS ? PRODUCT_BITS + (l > 0 ? l - 1 : 0) : TREE_BITS",
            "a sum is one bit too narrow",
        ),
        ("l % 2 == 0 || l == LEVELS", "l % 2 == 1 || l == LEVELS", "the adder tree has other registers"),
        ("if (2 * n + 1 < TERMS)", "if (2 * n + 2 < TERMS)", "the last lane is not added"),
    ),
    *_of(
        Judge.LINES,
        "peephole",
        (".a  (16'(sum_then)),", ".a  (16'($signed(sum_then[SUM_BITS-2:0]))),", "the sum is one bit too narrow"),
        (".CLOCKS(2)", ".CLOCKS(1)", "the sum is another unit's"),
        (".DROP(WEIGHT_BITS - WEIGHT_INTEGER_BITS)", ".DROP(WEIGHT_BITS - 1)", "all peepholes have one integer bit"),
        ("product <= PRODUCT_BITS'(weight)", "product <= PRODUCT_BITS'($unsigned(weight))", "peepholes have no sign"),
    ),
    *_of(
        Judge.LINES,
        "hidden_layer",
        (
            "TOTAL_BITS = SUM_BITS - ABSENT_BITS",
            "TOTAL_BITS = SUM_BITS - 1 - ABSENT_BITS",
            "gate sums are one bit too narrow",
        ),
        ("<<< (PRODUCT_ABSENT - ABSENT_BITS)", "<<< 0", "products lack the bits that only biases have"),
        (" && !pending[direction_next] &&", " &&", "a pass does not wait for the hidden outputs that it needs"),
        (" &&\n      promised != QUEUE_BITS'(QUEUE_WORDS);", ";", "the queue overflows"),
        ("&& !loading &&", "&&", "a pass of one clock takes the column of the pass before"),
        ("if (direction_next) first_next <= 0;", "first_next <= 0;", "direction 1 has no first step"),
        ("finished[HIDDEN_OUT-2]", "finished[HIDDEN_OUT-1]", "a pass waits one clock too long"),
        (
            "finishing = finished[HIDDEN_OUT-2]",
            "finishing = finished[HIDDEN_OUT-3]",
            "a pass begins before the hidden outputs that it needs are there",
        ),
        (
            "direction_then ? previous_1 : previous_0",
            "direction_then ? previous_0 : previous_1",
            "a direction sees the other one's hidden outputs",
        ),
        ("opened[ADD] ? bias : total", "opened[ADD-1] ? bias : total", "a sum begins one clock late"),
        ("BIAS_ABSENT = 9 - BIAS_BITS", "BIAS_ABSENT = 8 - BIAS_BITS", "biases are half as large"),
        (
            "if (rst || start) begin\n      previous_0",
            "if (rst) begin\n      previous_0",
            "the first step sees the hidden outputs of the line before",
        ),
        (".enable(issuing && input_turn)", ".enable(issuing)", "weights of inputs go on in the folds without inputs"),
        (
            "assign recurrent_turn = fold < FOLD_BITS'(RECURRENT_FOLDS);",
            "assign recurrent_turn = 1;",
            "hidden outputs are added again",
        ),
        (".enable(ended[ADD-2])", ".enable(ended[ADD-1])", "biases come one clock late"),
        (".sum_f(gate_sum[1].sum)", ".sum_f(gate_sum[0].sum)", "the forget gate has the input gate's sum"),
        (
            "assign hidden = {outputs, collected};",
            "assign hidden = {collected, outputs};",
            "blocks are in another order",
        ),
        ("$clog2(2 * MAX_COLUMNS + 1)", "$clog2(2 * MAX_COLUMNS)", "the passes of the longest line are not counted"),
        ("finish_direction <= !finish_direction;", "finish_direction <= 0;", "only direction 0 becomes free again"),
        (
            "if (start) passes <= PASSES_BITS'({columns, 1'b0});",
            "if (start) passes <= PASSES_BITS'({columns, 1'b0}) - 1'b1;",
            "the last pass is missing",
        ),
        ("promised <= promised - 1'b1;", "promised <= promised;", "the output layer's room is never free again"),
    ),
    *_of(
        Judge.LINES,
        "operands",
        (
            "enable && choices[fold[USED_BITS-1:0]]",
            "enable ? choices[fold[USED_BITS-1:0]] : choices[0]",
            "the side with fewer folds adds products in its rest",
        ),
    ),
    *_of(
        Judge.LINES,
        "deep_ram",
        ("parameter int BANK = 16384", "parameter int BANK = 6", "banks whose size is not a power of 2 overlap"),
    ),
    *_of(
        Judge.LINES,
        "join_directions",
        ("[HALF_BITS-1:0] one, other;", "[HALF_BITS-2:0] one, other;", "stored half scores are one bit too narrow"),
        ("[SCORE_BITS-1:0] score;", "[SCORE_BITS-2:0] score;", "scores are one bit too narrow"),
        ("(MAX_COLUMNS + 1) / 2 * BLOCKS", "MAX_COLUMNS / 2 * BLOCKS", "the centre of an odd line has no room"),
        ("!direction || to_store == 16'd1", "!direction", "the first sum is of other columns"),
        (
            "from_direction[READ] ? stored_0 : stored_1",
            "from_direction[READ] ? stored_1 : stored_0",
            "a half is added to its own direction's",
        ),
        ("halves_valid && storing && !direction", "halves_valid && !direction", "waiting halves are overwritten"),
        ("adding[LATENCY];", "adding[LATENCY-1];", "scores are taken one clock early"),
        (
            "column_address - ADDRESS_BITS'(BLOCKS);\n          column_address",
            "column_address - 1'b1;\n          column_address",
            "the next address is that of the last class block",
        ),
        ("if (start) to_store <= columns;", "if (start) to_store <= columns + 1'b1;", "one half too many is stored"),
    ),
    *_of(
        Judge.LINES,
        "output_layer",
        (
            "[HALF_BITS-1:0] bias, terms, total;",
            "[HALF_BITS-2:0] bias, terms, total;",
            "half scores are one bit too narrow",
        ),
        ("<<< (PRODUCT_ABSENT - ABSENT_BITS)", "<<< 0", "products lack the bits that only biases have"),
        ("taken   <= '1;", "taken   <= '0;", "the queue is read one word ahead"),
        (".DEPTH(QUEUE_WORDS + 1)", ".DEPTH(QUEUE_WORDS)", "the queue is one word too short"),
        (
            "(\n      .WIDTH (ROW_BITS),\n      .CLOCKS(OPERANDS + DOT_LATENCY - 2)",
            "(\n      .WIDTH (ROW_BITS),\n      .CLOCKS(OPERANDS + DOT_LATENCY - 3)",
            "biases are the next classes'",
        ),
        ("go = (!issuing || last_block) &&", "go = !issuing &&", "a clock is lost for each word"),
        ("BIAS_ABSENT = 9 - BIAS_BITS", "BIAS_ABSENT = 8 - BIAS_BITS", "biases are half as large"),
        (".TIES_TO_EVEN(1)", ".TIES_TO_EVEN(0)", "ties go toward zero"),
        (
            "else if (go && !hidden_valid) waiting <= waiting - 1'b1;",
            "else if (go) waiting <= waiting - 1'b1;",
            "a word that comes when another is taken is not counted",
        ),
    ),
    *_of(
        Judge.LINES,
        "recognise",
        (
            "16'($signed(joined[p*JOINED_BITS+:JOINED_BITS])) <<< ABSENT_BITS",
            "16'($signed(joined[p*JOINED_BITS+:JOINED_BITS]))",
            "scores lack the bits that none has",
        ),
    ),
    *_of(
        Judge.LINES,
        "write_labels",
        (
            "[VALUE_BITS-1:0] column_value, run_value;",
            "[VALUE_BITS-2:0] column_value, run_value;",
            "the value of a column is one bit too narrow",
        ),
        (
            "higher = lead[VALUE_BITS]",
            "higher = lead[VALUE_BITS] || lead == '0",
            "of equal columns the last one is taken",
        ),
        ("!higher && run_label != '0 &&", "!higher &&", "a blank ends a blank"),
        ("right <= half;", "right <= half + 1'b1;", "the right half is one column to the right"),
        ("single <= columns[0];", "single <= 0;", "odd lines have no centre"),
        (" && found < 16'(MAX_LABELS)", "", "labels that exceed the memory replace the first ones"),
        ("16'(column) == columns - 16'd1", "16'(column) == columns - 16'd2", "the last column is missing"),
        ("scanning ? column + 1'b1 : '0", "scanning ? column + 1'b1 : COLUMN_BITS'(1)", "column 0 is missing"),
        (
            "if (rst || start) begin\n      run_value",
            "if (rst) begin\n      run_value",
            "labels of the line before are counted",
        ),
        (
            "if (ends) found <= found + 1'b1;",
            "if (ends && found < 16'(MAX_LABELS)) found <= found + 1'b1;",
            "labels that exceed the memory are not counted",
        ),
        ("column_label == '0;", "column_label != run_label;", "another letter ends a run, too"),
    ),
    *_of(
        Judge.LINES,
        "cyclic_counter",
        ("BITS'(COUNT - 1)", "BITS'(COUNT)", "it counts one too far"),
    ),
    *_of(
        Judge.LINES,
        "delay_flag",
        ("rst ? '0 : taps[CLOCKS-1:0]", "taps[CLOCKS-1:0]", "reset leaves flags in the pipeline"),
    ),
    *_of(
        Judge.LINES,
        "ram",
        ("always_ff @(posedge clk) read_word <= read;", "assign read_word = read;", "words come one clock early"),
    ),
    *_of(
        Judge.LINES,
        "rom",
        ("if (LATENCY == 2) begin", "if (LATENCY == 3) begin", "words come one clock early"),
    ),
]
"""Faults of the datapath, seen by lines."""

BUSES = [
    *_of(
        Judge.BUSES,
        "accelerator",
        ("columns <= 32'(MAX_COLUMNS)", "columns < 32'(MAX_COLUMNS)", "the longest line is refused"),
        ("in_range && twice_matches &&", "in_range &&", "twice the columns is not checked"),
        (" && bytes <= most_bytes;", ";", "too many bytes are accepted"),
        ("bytes >= least_bytes &&", "bytes > least_bytes &&", "a line without padding is refused"),
        (".failed(refuse || read_error)", ".failed(refuse)", "a line with a read error has a result"),
        (
            "if (rst || start) begin\n      refused",
            "if (rst) begin\n      refused",
            "the status of the line before stays",
        ),
        (".start(refuse || found_valid)", ".start(found_valid)", "a refused line does not end"),
        (
            "checked_1     <= start && !rst;",
            "checked_1     <= start;\n    checked_1     <= start || rst;",
            "a reset starts a line",
        ),
    ),
    *_of(
        Judge.BUSES,
        "read_columns",
        ("to_boundary = ~ahead[BEAT_BITS-1:0]", "to_boundary = '1", "bursts cross boundaries"),
        ("free >= (QUEUE_BITS + 1)'(BURST)", "free != '0", "more is asked for than there is room for"),
        ("come   = rvalid && awaited != '0;", "come   = rvalid;", "words of a line that a reset has ended are taken"),
        ("ask || (arvalid && !arready)", "ask", "an address does not wait until it is taken"),
        ("come && rresp[1]", "come && rresp[0]", "an error response is not seen"),
        (
            "(!column_valid || column_ready);\n  assign last_word",
            "(!column_valid || 1'b1);\n  assign last_word",
            "a record that waits is overwritten",
        ),
        ("words_left[BEAT_BITS-1:0] - 1'b1", "words_left[BEAT_BITS-1:0]", "the last burst has a word too many"),
        ("COUNT_BITS'(2 * WORDS)", "COUNT_BITS'(2 * WORDS - 1)", "too little is read"),
        ("position     <= '0;\n      column_valid <= 1'b0;", "column_valid <= 1'b0;", "a reset leaves half a record"),
        ("{word, column} >> 64", "{column, word}", "the words of a record are in another order"),
    ),
    *_of(
        Judge.BUSES,
        "write_output",
        ("awaited != 4'd15 &&", "1'b1 &&", "more responses are awaited than are counted"),
        ("words_to_send == '0 && awaited == 4'd0;", "words_to_send == '0;", "a line ends before its last response"),
        ("slot == 4'd15 || words", "words", "only the last word of a line ends a burst"),
        ("send || (wvalid && !wready)", "send", "a word does not wait until it is taken"),
        ("come        <= coming;", "come        <= asked;", "labels are taken one clock early"),
        ("asked = free != 3'd0", "asked = 1'b1", "labels that wait are overwritten"),
        ("answered && bresp[1]", "answered && bresp[0]", "an error response is not seen"),
        ("bvalid && awaited != 4'd0", "bvalid", "a response of a line that a reset has ended is counted"),
        ("failure ? '1 :", "failure ? '0 :", "a failed line has no labels"),
        ("label_address <= '0;", "if (rst) label_address <= '0;", "the labels of the next line begin elsewhere"),
    ),
    *_of(
        Judge.BUSES,
        "control_registers",
        (
            "COLUMNS: columns <= (write_data & mask) | (columns & ~mask);",
            "COLUMNS: columns <= write_data;",
            "strobes have no effect",
        ),
        ("else if (starts || (read && read_offset == CONTROL))", "else if (starts)", "a read does not clear ap_done"),
        (
            "if (done) finished <= 1'b1;\n      else if (starts || (read && read_offset == CONTROL)) finished <= 1'b0;",
            "if (starts || (read && read_offset == CONTROL)) finished <= 1'b0;\n      else if (done) finished <= 1'b1;",
            "ap_done is lost where it is read in the same clock",
        ),
        ("else if (write && !running) begin", "else if (write) begin", "registers change while a line runs"),
        ("&& write_strobe[0] && write_data[0]", "&& write_data[0]", "a write of other bytes starts a line"),
        (
            "write && !running && write_offset == CONTROL",
            "write && write_offset == CONTROL",
            "a line starts while one runs",
        ),
        ("arready <= !read_pending && !rst", "arready <= !rst", "an address is taken before the last data was"),
        ("write || (bvalid && !bready)", "write", "a response does not wait until it is taken"),
        (
            "input_address[63:32] <= (write_data",
            "input_address[31:0] <= (write_data",
            "the high half of an address is lost",
        ),
        ("!running, finished, running}", "!running, finished, 1'b0}", "ap_start does not stay"),
    ),
]
"""Faults of the buses, seen by their bench."""

FORMAL = [
    *_of(
        Judge.PROOF,
        "round_saturate",
        (
            "(IN_BITS > OUT_BITS ? IN_BITS : OUT_BITS) + 1;",
            "(IN_BITS > OUT_BITS ? IN_BITS : OUT_BITS);",
            "the largest values wrap when they are rounded, which no product of a line is",
        ),
        ("out = in_range ? rounded[0] : sign;", "out = rounded[0];", "one bit: values outside the range wrap"),
    ),
    *_of(
        Judge.WITHOUT_EFFECT,
        "round_saturate",
        ("in[DROP]}", "in[DROP] && in[DROP-1]}", "an odd result is raised from a half on only"),
        ("out = in_range ? rounded[0] : sign;", "out = sign;", "one bit: values in the range give their sign"),
    ),
    *_of(
        Judge.WITHOUT_EFFECT,
        "saturating_sum",
        ("{15{~wide[16]}}", "{15{wide[15]}}", "the bits of the limit are those of the other sign bit"),
    ),
    *_of(
        Judge.WITHOUT_EFFECT,
        "write_output",
        ("found < 16'(MAX_LABELS)", "found <= 16'(MAX_LABELS)", "as many labels as fit are counted in the other way"),
    ),
    *_of(
        Judge.WITHOUT_EFFECT,
        "activation",
        ("if (from_lowest[16])", "if (from_lowest[16] || from_lowest == '0)", "-BOUND is clipped, too"),
        ("!from_highest[16]", "!from_highest[16] && from_highest != '0", "BOUND is not clipped"),
        (
            "12'(2 * LIMIT)",
            "12'(2 * LIMIT - 1)",
            "the last entry of a table, which equals the one before, is never read",
        ),
    ),
]
"""Faults about which yosys says, for every input and state, whether they change an output."""

SERIAL = [
    *_of(
        Judge.SERIAL,
        "crc32",
        ("32'hEDB88320", "32'hEDB88321", "another polynomial"),
        ("crc <= '1;", "crc <= '0;", "the register begins with zeros"),
        ("n < 8", "n < 7", "a bit of each byte does not count"),
        ("if (clear)", "if (1'b0)", "the register is never cleared"),
    ),
    *_of(
        Judge.SERIAL,
        "uart_receiver",
        ("CLOCKS_PER_BIT / 2 - 1", "CLOCKS_PER_BIT - 1", "bits are looked at where they end"),
        ("COUNT_BITS'(CLOCKS_PER_BIT - 1);", "COUNT_BITS'(CLOCKS_PER_BIT - 2);", "bits are a clock too short"),
        ("receiving <= !line;", "receiving <= 1'b1;", "a glitch is a start bit"),
        ("{line, value[7:1]}", "{value[6:0], line}", "the highest bit comes first"),
        ("= !receiving;", "= 1'b1;", "the line is idle while a byte comes"),
        ("broken <= !line;", "broken <= 1'b0;", "a low stop bit drops the byte in silence"),
    ),
    *_of(
        Judge.SERIAL,
        "uart_transmitter",
        ("{1'b1, value, 1'b0}", "{1'b1, value, 1'b1}", "there is no start bit"),
        ("bits_left   <= 4'd9;", "bits_left   <= 4'd8;", "there is no stop bit"),
        ("tx          <= 1'b1;", "tx          <= 1'b0;", "the line is low after a reset"),
        (
            "clocks_left <= COUNT_BITS'(CLOCKS_PER_BIT - 1);\n    end else if",
            "clocks_left <= '0;\n    end else if",
            "the start bit is short",
        ),
    ),
    *_of(
        Judge.SERIAL,
        "serial_accelerator",
        ("(INPUTS * ACTIVATION_BITS + 7) / 8;", "WORDS * 8;", "records have padding"),
        ("recognise_rst <= rst || abandon", "recognise_rst <= rst", "a fault does not end the line"),
        (".GAP_CLOCKS(GAP_CLOCKS)", ".GAP_CLOCKS(GAP_CLOCKS * 2)", "the gap is twice as long"),
        (
            ".MAX_LABELS(MAX_LABELS),\n      .GAP",
            ".MAX_LABELS(MAX_LABELS + 1),\n      .GAP",
            "a label too many is sent",
        ),
    ),
    *_of(
        Judge.SERIAL,
        "serial_link",
        ("rst || !line_idle || come || broken", "rst || come || broken", "the line is not looked at for the gap"),
        (
            "assign last_byte = record_byte == BYTE_BITS'(RECORD_BYTES - 1)",
            "assign last_byte = record_byte == BYTE_BITS'(0)",
            "records have one byte",
        ),
        ("({come_value, record} >> 8)", "({record, come_value})", "the first byte of a record is its highest"),
        ("records_left <= {columns, 1'b0};", "records_left <= {1'b0, columns};", "half of the records are taken"),
        (
            "if (column_ready) column_valid <= 1'b0;",
            "if (column_ready && index[0]) column_valid <= 1'b0;",
            "a record is taken twice",
        ),
        ("state == COMPUTE || state == SKIP || (", "(", "the checksum of an answer goes on from the request's"),
        ("take && state != ANSWER_CHECK", "take", "the checksum changes while it is sent"),
        ("if (broken) found_fault = BROKEN;", "if (1'b0) found_fault = BROKEN;", "a broken byte is not a fault"),
        ("receiving && quiet", "1'b0", "a cut request is not a fault"),
        ("record_complete && column_valid && !column_ready", "1'b0", "an overflow is not a fault"),
        ("come_value != REQUEST_START", "1'b0", "any byte begins a request"),
        (
            "line_in_range <= command == LINE && ",
            "line_in_range <= command == LINE || ",
            "a line of any length is taken",
        ),
        ("columns <= 16'(MAX_COLUMNS)", "columns < 16'(MAX_COLUMNS)", "the longest line is refused"),
        ("columns != '0 && ", "", "a line of no column is taken"),
        ("identifies <= command == IDENTIFY;", "identifies <= command != LINE;", "any command is taken"),
        ("intact <= crc == INTACT;", "intact <= 1'b1;", "no checksum is looked at"),
        ("found < 16'(MAX_LABELS) ? found : 16'(MAX_LABELS)", "found", "labels are sent that are not stored"),
        ("if (index == '0) tag <= '0;  // of no request", "", "an answer to no request has an old tag"),
        ("16'd1:   tag <= come_value;", "16'd1:   tag <= 8'd1;", "the tag is not the request's"),
        ("{come_value, columns[15:8]}", "{8'd0, come_value}", "the number of columns has 8 bits"),
        ("        status <= OKAY;\n        if", "        if", "a good answer has the status of the last fault"),
        ("if (quiet) state <= ANSWER;", "state <= ANSWER;", "a fault is answered at once"),
        ("intruded ? SKIP : HEAD", "HEAD", "bytes that came too early are dropped in silence"),
        ("intruded ? BUSY : status", "status", "bytes that came too early give no status"),
        ("if (intruded) tag <= '0;", "", "the answer to an unread request has the tag of another"),
        ("if (start || fault) done <= 1'b0;", "if (fault) done <= 1'b0;", "the labels of the last line are sent"),
        ("if (found_valid) done <= 1'b1;", "done <= 1'b1;", "labels are sent before they are found"),
        ("abandon <= fault;", "abandon <= 1'b0;", "the accelerator is not reset"),
        ("else if (come || broken) intruded", "else if (broken) intruded", "bytes that come too early do not count"),
        ("status == OKAY && !identifies ? found : '0", "found", "an identity counts labels"),
        (
            "{16'(MAX_LABELS), 16'(MAX_COLUMNS), DIGEST, VERSION}",
            "{16'(MAX_COLUMNS), 16'(MAX_LABELS), DIGEST, VERSION}",
            "the limits are exchanged",
        ),
        ("~crc[8*index[1:0]+:8]", "crc[8*index[1:0]+:8]", "the checksum is not inverted"),
        ("{4'd0, status}", "8'd0", "every answer says that all is well"),
        ("part_complete <= !part_complete &&", "part_complete <=", "the checksum is looked at before it has come"),
    ),
]
