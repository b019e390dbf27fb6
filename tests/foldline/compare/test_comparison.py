"""The comparison of all backends: which lines, which backends, and bit-exact backends that differ."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datapath import Limits, error_rates, image_columns
from datapath.errors import BoardError, ConfigError, DataError, LimitError
from fixedpoint_sim import simulate
from foldline.compare.agreement import Agreement, Disagreement, LineResult, agreement
from foldline.compare.backends import BACKENDS, check_backends
from foldline.compare.comparison import compare
from foldline.compare.tables import agreement_notes, failure, notes
from hls_gen.csim import CSimProgram
from tests.builds import altered
from tests.designs import random_design
from tests.foldline.stand_in_board import StandInBoard
from tests.train import tiny
from train.data.dataset import Line

LINES = tiny.dataset().validation
NAMES = [line.name for line in LINES]
COLUMNS = [24, 32, 18]
TIMED_OUT = BoardError("The accelerator did not finish.")


@pytest.fixture(scope="module")
def design():
    """It reads labels on every line: baabb, bbb and bb."""
    return random_design(26, bits=(8, 8, 4, 8, 8), inputs=8, hidden=4, classes=5)


@pytest.fixture(scope="module")
def labels(design):
    """What the simulator reads, line by line."""
    columns = [image_columns(line.source, target_height=8, bits=4) for line in LINES]
    assert [len(line) for line in columns] == COLUMNS
    return [simulate(design, line).labels.tolist() for line in columns]


def on(number, labels):
    """A board with other labels on one line."""
    return lambda line, right: labels if line == number else right


def texts_of(comparison, name, decoding="overlay labels"):
    (result,) = (one for one in comparison.results if (one.name, one.decoding) == (name, decoding))
    return result.texts


# Which backends -----------------------------------------------------------------------------------------------------


def test_backends_come_in_a_fixed_order():
    asked = ("board", "float-activations", "csim", "csim")
    assert check_backends(asked, has_checkpoint=True) == ("float-activations", "csim", "board")
    assert check_backends(reversed(BACKENDS[1:]), has_checkpoint=True) == BACKENDS[1:]
    assert check_backends(None, has_checkpoint=True) == ("float-activations", "quantized", "simulated")
    assert check_backends(None, has_checkpoint=False) == ("simulated",)
    assert check_backends(None, has_checkpoint=True, is_float=True) == ("float",)
    assert check_backends(("float",), has_checkpoint=True, is_float=True, ignore_limits=True) == ("float",)


@pytest.mark.parametrize(
    ("backends", "kind", "message"),
    [
        (
            ("float", "csim"),
            {"has_checkpoint": True, "is_float": True},
            "backends has csim, which only a quantized network has; a float network has float alone.",
        ),
        (
            ("float", "csim"),
            {"has_checkpoint": True},
            "backends has float, which only a float network has; this quantized one has float-activations, quantized, "
            "simulated, csim, rtl, board.",
        ),
        (
            ("float",),
            {"has_checkpoint": False},
            "backends has float, which only a float network has; this quantized one has simulated, csim, rtl, board.",
        ),
    ],
)
def test_a_backend_that_a_network_does_not_have_is_refused_and_its_own_are_named(backends, kind, message):
    with pytest.raises(ConfigError) as error:
        check_backends(backends, **kind)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("backends", "options", "named"),
    [
        (("board", "fpga"), {}, ("'fpga'", ", ".join(BACKENDS))),
        ((), {}, ("empty", ", ".join(BACKENDS))),
        (("quantized", "board"), {}, ("quantized", "checkpoint")),
        (("quantized", "float-activations"), {}, ("float-activations and quantized", "checkpoint")),
        (("simulated", "board"), {"ignore_limits": True}, ("ignore_limits", "board")),
        (("board",), {}, ("board is None", "driver")),
    ],
)
def test_backends_that_cannot_be_computed_are_refused(design, backends, options, named):
    with pytest.raises(ConfigError) as error:
        compare(design, LINES, backends=backends, **options)
    assert all(name in str(error.value) for name in named)


# Agreement ----------------------------------------------------------------------------------------------------------


def test_simulator_and_board_agree(design, labels):
    board = StandInBoard(design)
    comparison = compare(design, LINES, backends=("board", "simulated"), board=board)
    assert [one.title for one in comparison.results] == [
        *("simulated hardware", "simulated hardware", "virtual board (modelled)")
    ]
    assert board.lengths == COLUMNS
    assert texts_of(comparison, "board") == texts_of(comparison, "simulated") == ("baabb", "bbb", "bb")
    assert comparison.agreement == Agreement(
        backends=("simulated", "board"), lines=(3, 3), labels=sum(map(len, labels)), disagreements=()
    )
    assert comparison.agreement.message == "simulated and board agree on all 3 lines (10 labels)."
    assert failure(comparison) is None


@pytest.mark.parametrize(
    ("wrong", "first"), [([2, 1, 1, 4, 2], 3), ([1, 1, 1, 2, 2], 0), ([2, 1, 1, 2], 4), ([2, 1, 1, 2, 2, 2], 5)]
)
def test_a_board_that_computes_wrongly_is_named_line_by_line(design, labels, wrong, first):
    assert labels[0] == [2, 1, 1, 2, 2]
    board = StandInBoard(design, on(0, np.array(wrong, dtype=np.uint8)))
    comparison = compare(design, LINES, backends=("simulated", "board"), board=board)
    text = design.alphabet.text(wrong)
    assert comparison.agreement.disagreements == (
        Disagreement(
            line=NAMES[0],
            backends=("simulated", "board"),
            labels=((2, 1, 1, 2, 2), tuple(wrong)),
            texts=("baabb", text),
            first=first,
            mismatch="",
        ),
    )
    assert list(agreement_notes(comparison.agreement)) == [
        "simulated and board must agree, and differ on 1 of 3 lines:",
        f"  {NAMES[0]}: simulated and board differ from label {first} on (the first is label 0); they have 5 and "
        f"{len(wrong)} labels.",
        "    simulated  'baabb' = 2 1 1 2 2",
        f"    board      {text!r} = {' '.join(map(str, wrong))}",
    ]
    assert failure(comparison) == "Backends that must agree differ on 1 line of 3."
    # The text of the board is that of its labels.
    assert texts_of(comparison, "board") == (text, "bbb", "bb")


def test_a_board_that_emits_no_labels_differs(design):
    comparison = compare(
        design, LINES, backends=["board", "simulated"], board=StandInBoard(design, lambda _, labels: [])
    )
    assert [found.first for found in comparison.agreement.disagreements] == [0, 0, 0]
    assert comparison.agreement.differing == 3
    assert list(agreement_notes(comparison.agreement))[3] == "    board      '' = no labels"


def test_a_board_is_compared_with_the_simulator_where_that_is_no_backend(design, csim_builds):
    board = StandInBoard(design, on(1, [2]))
    comparison = compare(design, LINES, backends=("csim", "board"), board=board, csim_lines=1)
    assert [one.name for one in comparison.results] == ["csim", "board"]
    assert comparison.agreement.backends == ("simulated", "csim", "board")
    assert [(found.line, found.backends) for found in comparison.agreement.disagreements] == [
        (NAMES[1], ("simulated", "board"))
    ]


def results(*lines):
    return tuple(LineResult(labels=line, text="") for line in lines)


@pytest.mark.parametrize(
    ("results_of", "message"),
    [
        ({"simulated": results((1,), (1, 2))}, None),
        ({"simulated": results((1,)), "csim": results((1,))}, "simulated and csim agree on the only line (1 label)."),
        (
            {"simulated": results((1,), (1, 2)), "csim": results((1,))},
            "simulated and csim agree on the first line (1 label).",
        ),
        (
            {"simulated": results((1,), (1, 2)), "csim": results((1,)), "board": results((1,), (1, 2))},
            "simulated and board agree on all 2 lines (3 labels), and csim on the first line.",
        ),
        (
            {"simulated": results((1,), ()), "csim": results((1,), ()), "board": results((1,), ())},
            "simulated, csim and board agree on all 2 lines (1 label).",
        ),
        (
            {"simulated": results((1,), (2,)), "csim": results((3,), (2,)), "board": results((4,), (2,))},
            "simulated, csim and board must agree, and differ on 1 of 2 lines:",
        ),
    ],
)
def test_the_message_of_an_agreement(results_of, message):
    found = agreement(["a", "b"], results_of)
    assert (found and found.message) == message


# Lines that are left out --------------------------------------------------------------------------------------------


def limited(design, **limits):
    return replace(design, limits=Limits(**{"columns": 732, "labels": 95, **limits}))


def test_lines_that_exceed_a_limit_never_reach_the_board(design):
    board = StandInBoard(design)
    short = limited(design, columns=30)
    comparison = compare(short, LINES, backends=("simulated", "board"), board=board)
    assert board.lengths == [24, 18]
    assert [line.name for line in comparison.lines] == [NAMES[0], NAMES[2]]
    assert comparison.left_out == (f"{NAMES[1]}: 32 columns, allowed at most 30",)
    assert f"  {comparison.left_out[0]}" in list(notes(comparison))
    assert "1 line exceeds the overlay and is left out:" in list(notes(comparison))
    few = compare(limited(design, labels=3), LINES, backends=("board",), board=StandInBoard(limited(design, labels=3)))
    assert len(few.lines) == 3  # a board alone does not know how many labels a line has
    both = compare(limited(design, labels=3), LINES, backends=("board", "simulated"), board=StandInBoard(design))
    assert both.left_out == (f"{NAMES[0]}: 5 labels, allowed at most 3",)


def test_a_board_alone_refuses_lines_itself(design):
    refusal = LimitError("The line has 32 columns; the accelerator takes 1 to 30.")
    comparison = compare(design, LINES, backends=("board",), board=StandInBoard(design, on(1, refusal)))
    assert comparison.left_out == (f"{NAMES[1]}: {refusal}",)
    assert comparison.failed == ()
    assert comparison.agreement is None
    assert [one.texts for one in comparison.results] == [("baabb", "bb")]
    assert failure(comparison) is None


def test_a_line_that_fails_on_the_board_is_left_out_of_every_backend_and_named(design):
    comparison = compare(design, LINES, backends=("simulated", "board"), board=StandInBoard(design, on(0, TIMED_OUT)))
    assert comparison.failed == (f"{NAMES[0]}: The accelerator did not finish.",)
    assert [line.name for line in comparison.lines] == NAMES[1:]
    assert [one.texts for one in comparison.results[1:]] == [("bbb", "bb")] * 2
    assert comparison.agreement.message == "simulated and board agree on all 2 lines (5 labels)."
    assert comparison.board.total.lines == 2
    assert list(notes(comparison))[-2:] == [
        "1 line failed on the board and is left out of every backend:",
        f"  {NAMES[0]}: The accelerator did not finish.",
    ]
    assert failure(comparison) == "1 line failed on the board."


def test_where_no_line_is_left_there_is_no_comparison(design):
    with pytest.raises(DataError) as error:
        compare(design, LINES, backends=("board",), board=StandInBoard(design, lambda *_: TIMED_OUT))
    assert str(error.value) == (
        f"None of 3 lines could be computed on the board; the first: {NAMES[0]}: The accelerator did not finish."
    )
    with pytest.raises(DataError) as error:
        compare(limited(design, columns=2), LINES, backends=("simulated", "board"), board=StandInBoard(design))
    assert str(error.value) == (
        f"All 3 lines exceed the overlay, the first: {NAMES[0]}: 24 columns, allowed at most 2."
    )
    with pytest.raises(DataError) as error:
        compare(limited(design, columns=2), LINES[:1], backends=("simulated", "board"), board=StandInBoard(design))
    assert str(error.value) == f"The only line exceeds the overlay: {NAMES[0]}: 24 columns, allowed at most 2."


# Times --------------------------------------------------------------------------------------------------------------


def test_times_of_a_virtual_board_are_named_as_modelled(design):
    run = compare(design, LINES, backends=("board",), board=StandInBoard(design)).board
    # 74 columns of 0.25 ms and 100 000 operations each.
    assert run.messages == (
        "Virtual board: 3 lines, 74 columns in 18.500 ms, modelled from the cycle count at 100 MHz: 0.4 GOPS.",
        "A line takes 6.167 ms on average (modelled).",
    )
    assert run.title == "virtual board (modelled)"


@pytest.mark.parametrize(
    ("kind", "at_most", "messages"),
    [
        (
            "board",
            False,
            (
                "Board: 3 lines, 74 columns in 18.500 ms, measured at 100 MHz: 0.4 GOPS.",
                "A line takes 6.167 ms on average.",
            ),
        ),
        (
            "remote board",
            True,
            (
                "Remote board: 3 lines, 74 columns in at most 18.500 ms, measured at 100 MHz: at least 0.4 GOPS.",
                "A line takes at most 6.167 ms on average.",
            ),
        ),
    ],
)
def test_times_of_a_board_are_measured(design, kind, at_most, messages):
    board = StandInBoard(design, kind=kind, modelled=False, at_most=at_most)
    comparison = compare(design, LINES, backends=("board", "simulated"), board=board)
    assert comparison.board.messages == messages
    assert not any("odelled" in note or "virtual" in note for note in notes(comparison))
    assert comparison.results[-1].title == kind


def test_progress_is_shown_backend_by_backend(design, csim_builds):
    shown = []

    class Shown:
        def __init__(self, what):
            self.what = what

        def __enter__(self):
            shown.append((self.what, []))
            return lambda done, total: shown[-1][1].append((done, total))

        def __exit__(self, *error):
            pass

    compare(
        design, LINES, backends=("simulated", "csim", "board"), board=StandInBoard(design), csim_lines=1, progress=Shown
    )
    three = [(1, 3), (2, 3), (3, 3)]
    assert shown == [
        ("simulated hardware", three),
        ("virtual board", three),
        ("building the C simulation", []),
        ("C simulation", [(1, 1)]),
    ]


# The C simulation ---------------------------------------------------------------------------------------------------


def altering(monkeypatch, length, change):
    """Let the compiled program give something else for the line of `length` columns."""
    run = CSimProgram.run
    monkeypatch.setattr(
        CSimProgram, "run", lambda self, line: change(run(self, line)) if len(line) == length else run(self, line)
    )


def test_all_three_agree(csim_builds, csim_design):
    comparison = compare(csim_design, LINES, backends=("simulated", "csim", "board"), board=StandInBoard(csim_design))
    assert texts_of(comparison, "csim") == texts_of(comparison, "simulated") == ("cc", "c", "a")
    assert comparison.agreement.message == "simulated, csim and board agree on all 3 lines (4 labels)."
    # 74 columns: 2 directions of 4 units, and 5 classes.
    assert any("592 hidden words and 370 scores of 3 lines" in note for note in notes(comparison))


def test_a_c_simulation_with_other_labels_is_listed_and_ends_nothing(csim_builds, csim_design, monkeypatch):
    altering(monkeypatch, 32, lambda result: altered(result, "labels", 0, 4))
    comparison = compare(csim_design, LINES, backends=("csim",))
    assert texts_of(comparison, "csim") == ("cc", "d", "a")
    (found,) = comparison.agreement.disagreements
    assert (found.line, found.backends, found.labels, found.texts, found.first) == (
        *(NAMES[1], ("simulated", "csim"), ((3,), (4,)), ("c", "d"), 0),
    )
    assert found.message == (
        f"{NAMES[1]}: simulated and csim differ from label 0 on (the first is label 0); they have 1 and 1 labels. "
        "The C simulation differs in the labels: expected [3], got [4]."
    )
    assert comparison.csim.lines == 2
    assert failure(comparison) == "Backends that must agree differ on 1 line of 3."


def test_a_hidden_word_that_changes_no_label_is_listed_too(csim_builds, csim_design, monkeypatch):
    altering(monkeypatch, 18, lambda result: altered(result, "hidden", (2, 0, 1), int(result.hidden[2, 0, 1]) ^ 1))
    comparison = compare(csim_design, LINES, backends=("simulated", "csim"))
    (found,) = comparison.agreement.disagreements
    assert (found.line, found.first) == (NAMES[2], None)
    assert found.message.startswith(
        f"{NAMES[2]}: simulated and csim have equal labels, but: The C simulation differs in 1 of 144 hidden words, "
        "first in column 2 (forward, step 2), unit 1: expected "
    )
    assert comparison.agreement.message == "simulated and csim must agree, and differ on 1 of 3 lines:"


def test_only_the_first_lines_can_be_c_simulated_and_the_title_has_their_number(csim_builds, csim_design):
    comparison = compare(
        csim_design, LINES, backends=("simulated", "csim", "board"), board=StandInBoard(csim_design), csim_lines=2
    )
    rates = {one.name: one.rates.lines for one in comparison.results}
    assert rates == {"simulated": 3, "csim": 2, "board": 3}
    assert comparison.results[2].rates == error_rates([line.text for line in LINES[:2]], ["cc", "c"])
    assert [one.title for one in comparison.results][2:] == [
        *("C simulation (first 2 lines)", "virtual board (modelled)")
    ]
    assert comparison.agreement.message == (
        "simulated and board agree on all 3 lines (4 labels), and csim on the first 2 lines."
    )


def test_a_line_that_exceeds_a_limit_is_c_simulated_with_larger_buffers(csim_builds, csim_design):
    short = limited(csim_design, columns=20)
    assert compare(short, LINES, backends=("csim",), csim_lines=1).csim.columns == 18
    comparison = compare(short, LINES, backends=("csim",), ignore_limits=True)
    assert comparison.csim.columns == 74
    assert comparison.exceeding == 2


def test_a_line_without_a_usable_image_is_one_message_of_every_comparison(design):
    # 1 x 44 pixels at height 8: ceil(8.1 / 44) = 1 column, rounded down to 0.
    page = Image.new("L", (1, 44), 255)
    page.putpixel((0, 0), 0)
    bad = Line("bad", "ab", page)
    board = StandInBoard(design)
    for backends, driver in (
        (("simulated",), None),
        (("simulated", "board"), board),
        (("board",), StandInBoard(design)),
    ):
        comparison = compare(design, (LINES[0], bad, *LINES[1:]), backends=backends, board=driver)
        assert [line.name for line in comparison.lines] == NAMES
        assert all(result.rates.lines == 3 for result in comparison.results)
        (message,) = comparison.unusable
        assert message.startswith("bad is left out: An image of 1 x 44 pixels") and message in list(notes(comparison))
        assert failure(comparison) is None
    assert compare(design, LINES, backends=("simulated",)).unusable == ()
