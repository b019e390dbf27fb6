"""Networks side by side: intervals, what is compared with what, what is bold, and the table on 80 characters."""

import io
import re

import pytest
from PIL import Image
from rich.console import Console

from datapath import error_rates
from datapath.errors import ConfigError, DataError
from foldline.compare.backends import CTC, OVERLAY, TITLES, backends_of_each
from foldline.compare.comparison import BackendResult, Comparison
from foldline.compare.paired import main_result, on_shared_lines, rated_results
from foldline.compare.tables import confusion_rows, confusions_title, plain_output
from foldline.console.terminal import show_comparison, show_side_by_side
from foldline.evidence import LineErrors, paired_difference, rate_interval
from train.data.dataset import Line

REFERENCES = tuple(f"line {number} of O" for number in range(40))
LINES = tuple(Line(f"v/{number}", text, Image.new("L", (9, 9))) for number, text in enumerate(REFERENCES))
GOOD = tuple(text if number % 8 else text.replace("O", "0") for number, text in enumerate(REFERENCES))
BAD = tuple(text.replace("O", "0").replace(" ", "_").replace("f", "") for text in REFERENCES)


def result(name, texts, decoding=OVERLAY):
    rates = error_rates(REFERENCES[: len(texts)], texts)
    return BackendResult(name=name, decoding=decoding, texts=texts, rates=rates, title=TITLES[name])


def comparison(*results, lines=LINES, **changes):
    return Comparison(results=results, lines=lines, left_out=(), exceeding=0, **changes)


def test_a_network_is_compared_with_the_first_by_the_same_backend_or_by_the_one_that_stands_for_it():
    first = comparison(result("quantized", GOOD), result("simulated", GOOD), result("simulated", BAD, CTC))
    in_float = comparison(result("float", BAD, CTC), result("float", BAD))
    other = comparison(result("quantized", BAD))
    rated = rated_results([first, in_float, other])
    assert [(one.network, one.result.name, one.result.decoding, one.reference) for one in rated] == [
        (0, "simulated", CTC, None),
        (1, "float", CTC, (0, "simulated")),
        (0, "quantized", OVERLAY, None),
        (0, "simulated", OVERLAY, None),
        (1, "float", OVERLAY, (0, "simulated")),
        (2, "quantized", OVERLAY, (0, "quantized")),
    ]
    errors = [LineErrors.characters(REFERENCES, texts) for texts in (BAD, GOOD)]
    assert rated[4].difference == paired_difference(*errors) and rated[4].difference.significant
    assert rated[4].cer_interval == rate_interval(errors[0])
    assert rated[1].difference.points == 0 and not rated[1].difference.significant


def test_only_what_is_significantly_better_than_every_other_network_is_best():
    good, bad = comparison(result("simulated", GOOD)), comparison(result("simulated", BAD))
    assert [one.best for one in rated_results([bad, good, bad])] == [False, True, False]
    assert [one.best for one in rated_results([good, good, bad])] == [False] * 3
    assert [one.best for one in rated_results([good])] == [False]
    alone = comparison(result("float-activations", BAD, CTC), result("quantized", GOOD, CTC))
    assert [(one.best, one.reference) for one in rated_results([alone])] == [
        (False, None),
        (True, (0, "float-activations")),
    ]


def test_a_backend_of_fewer_lines_is_compared_on_these():
    first = comparison(result("simulated", BAD), result("csim", GOOD[:3]))
    (_, csim) = rated_results([first])
    expected = paired_difference(*(LineErrors.characters(REFERENCES[:3], texts[:3]) for texts in (GOOD, BAD)))
    assert csim.difference == expected


def test_lines_that_one_cannot_compute_are_left_out_of_all():
    texts = GOOD[1:]
    fewer = comparison(
        BackendResult(
            name="simulated",
            decoding=OVERLAY,
            texts=texts,
            rates=error_rates(REFERENCES[1:], texts),
            title="simulated hardware",
        ),
        lines=LINES[1:],
    )
    whole = comparison(result("simulated", BAD), result("csim", BAD[:3]))
    shared = on_shared_lines([whole, fewer])
    assert [one.lines for one in shared] == [LINES[1:]] * 2
    assert [one.texts for one in shared[0].results] == [BAD[1:], BAD[1:3]]
    assert shared[0].results[1].rates == error_rates(REFERENCES[1:3], BAD[1:3])
    assert shared[1] is fewer
    with pytest.raises(DataError, match=r"no line"):
        on_shared_lines([fewer, comparison(lines=LINES[:1])])


def test_confusions_are_those_of_the_result_that_stands_for_the_network():
    one = comparison(result("simulated", GOOD, CTC), result("quantized", BAD), result("simulated", BAD))
    assert main_result(one) is one.results[2]
    assert confusion_rows(one, 3) == [("120", "\u2423", "_"), ("40", "O", "0"), ("40", "f", "nothing")]
    assert confusions_title(one, 1) == (
        "120 of 200 errors, simulated hardware by overlay labels: number, expected, read"
    )


def test_backends_of_several_networks_are_those_that_each_has():
    kinds = [{"has_checkpoint": False, "is_float": False}, {"has_checkpoint": True, "is_float": True}]
    assert backends_of_each(("float", "simulated"), kinds) == [("simulated",), ("float",)]
    assert backends_of_each(None, kinds) == [("simulated",), ("float",)]
    for asked, named in ((("simulated",), "float alone"), (("simulated", "float", "quantized"), "checkpoint")):
        with pytest.raises(ConfigError, match=named):
            backends_of_each(asked, kinds)


def shown(width, show, *arguments, **options):
    text = io.StringIO()
    show(Console(width=width, file=text, color_system="standard", force_terminal=True), *arguments, **options)
    return text.getvalue()


def test_the_tables_fit_80_characters_and_what_is_not_significant_is_not_bold():
    names, quantized = ["a.npz", "b.npz"], result("float-activations", BAD, CTC)
    pair = [comparison(result("simulated", BAD), quantized), comparison(result("simulated", GOOD))]
    printed = shown(80, show_side_by_side, names, pair, title="t")
    table = plain(printed).partition("CER, WER: ")[0].splitlines()
    assert max(map(len, table)) <= 80 and f"{pair[0].results[0].rates.cer:.2f}" in "".join(table)
    assert "\u2026" not in printed  # nothing is cut off
    rate = f"{pair[1].results[0].rates.cer:.2f}"
    assert any("\x1b[1m" in line and rate in line for line in printed.splitlines()[4:])
    same = shown(80, show_side_by_side, names, [pair[1], pair[1]], title="t")
    assert not any("\x1b[1m" in line for line in same.splitlines()[6:])
    alone = plain(shown(80, show_comparison, pair[0], title="t")).partition("CER, WER: ")[0]
    assert "per line" not in alone and "\u2026" not in alone and max(map(len, alone.splitlines())) <= 80


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_plain_text_of_several_networks_has_their_names_and_intervals():
    pair = [comparison(result("simulated", BAD)), comparison(result("simulated", GOOD))]
    lines = list(plain_output(["a.npz", "b.npz"], pair, title="t", per_line=False, most_confusions=1))
    assert lines[:3] == ["t", "1: a.npz", "2: b.npz"]
    difference = rated_results(pair)[1].difference
    assert re.split(" {2,}", lines[6])[-2:] == [f"{difference.points:+.2f}", difference.interval.text()]
    assert lines[-1].split() == ["5", "O", "0"]
