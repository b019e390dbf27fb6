"""The accuracy section: differences between networks, bold only where they are significant, confusions, and worst lines."""

from dataclasses import replace

import pytest

from foldline.compare.backends import CTC, OVERLAY
from foldline.evidence import LineErrors, paired_difference
from foldline.report import render_report
from foldline.report.accuracy import accuracy_section
from tests.foldline.report.page import Page
from tests.foldline.report.reports import inputs, result_of, simulated_run
from tests.train import tiny
from train.data.dataset import Line

pytestmark = pytest.mark.no_numpy2

REFERENCES = tuple(f"a.b {number:02d}" for number in range(20))
LINES = tuple(Line(f"p/{number:02d}", text, tiny.draw("abc")) for number, text in enumerate(REFERENCES))


def read_by(name: str, texts: tuple[str, ...], *, greedy: tuple[str, ...] | None = None, lines=LINES):
    """A run whose simulator read these texts."""
    results = (
        result_of("simulated", CTC, texts if greedy is None else greedy, "simulated hardware", lines),
        result_of("simulated", OVERLAY, texts, "simulated hardware", lines),
    )
    run = simulated_run(name)
    return replace(run, comparison=replace(run.comparison, results=results, lines=lines))


def section_of(*runs):
    """The accuracy section of a page without lines (the texts are not those of the runs' designs)."""
    return Page(render_report(inputs(*runs, lines=0, inspected_lines=0)))


def bold(page: Page) -> int:
    """Number of differences in bold."""
    return sum(attributes.get("class") == "significant" for _, attributes in page.elements)


RIGHT = REFERENCES
NO_POINTS = tuple(text.replace(".", "") for text in REFERENCES)
ONE_WRONG = ("a.b", *REFERENCES[1:])


def test_a_significant_difference_alone_is_bold():
    page = section_of(read_by("bad", NO_POINTS, greedy=ONE_WRONG), read_by("good", RIGHT))
    assert bold(page) == 2  # between the networks by overlay labels, and between both decodings of the first
    assert page.tables["accuracy"][1][2:] == [
        ["1 W8A4minus2 W8A4", "+16.6716.67 to 16.67", "< 0.001", "+2.500.00 to 7.50", "1.000", "20"]
    ]


def test_equal_networks_do_not_differ():
    page = section_of(read_by("one", NO_POINTS), read_by("two", NO_POINTS))
    assert bold(page) == 0
    assert page.tables["accuracy"][1][2][1:3] == ["+0.000.00 to 0.00", "1.000"]


def test_networks_are_compared_on_the_lines_that_both_have_read():
    half = read_by("half", NO_POINTS[10:], lines=LINES[10:])
    (pair,) = accuracy_section([read_by("all", ONE_WRONG), half]).pairs
    expected = paired_difference(
        *(LineErrors.characters(REFERENCES[10:], texts[10:]) for texts in (ONE_WRONG, NO_POINTS))
    )
    assert (pair.lines, pair.differences) == (10, (expected, expected))


def test_networks_without_a_line_in_common_have_no_difference():
    first, second = read_by("first", RIGHT[:9], lines=LINES[:9]), read_by("second", RIGHT[9:], lines=LINES[9:])
    page = section_of(first, second)
    assert page.tables["accuracy"][1][2] == ["1 W8A4minus2 W8A4", "not computed", "not computed", "0"]


def test_the_cost_of_the_label_rule_is_the_difference_of_one_networks_decodings():
    (found,) = accuracy_section([read_by("one", NO_POINTS, greedy=RIGHT)]).decodings
    assert found == paired_difference(*(LineErrors.characters(REFERENCES, texts) for texts in (NO_POINTS, RIGHT)))
    assert found.significant


def test_one_network_has_no_table_of_pairs():
    assert "Differences between networks" not in section_of(read_by("one", RIGHT)).text


def test_confusions_and_the_worst_lines_of_a_network():
    texts = ("XXXXXX", *NO_POINTS[1:4], "a.c 04", "a.b  05", *REFERENCES[6:])
    page = section_of(read_by("one", texts))
    assert page.tables["accuracy"][-1][1:] == [
        [".", "nothing", "3"],
        ["0", "X", "2"],
        ["nothing", "\N{OPEN BOX}", "1"],
        ["\N{OPEN BOX}", "X", "1"],
        [".", "X", "1"],
        ["a", "X", "1"],
        ["b", "X", "1"],
        ["b", "c", "1"],
    ]
    text = " ".join(page.text.split())
    assert "11 errors, in 6 of 20 lines. The worst line, p/00, has 55 % of them, the worst 2 lines 64 %." in text


def test_the_most_frequent_confusions_are_listed_and_the_others_counted():
    texts = tuple(text.replace("a", chr(ord("A") + number)) for number, text in enumerate(REFERENCES))
    page = section_of(read_by("one", texts))
    assert len(page.tables["accuracy"][-1]) == 1 + 15
    assert "5 other kinds with 5 errors." in page.text


def test_a_network_without_errors_says_so():
    assert "No error in 20 lines." in section_of(read_by("one", RIGHT)).text
