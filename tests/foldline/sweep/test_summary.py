"""What a sweep shows: rates, intervals and differences from the results alone, and the names of missing networks."""

import csv
import io

import pytest

from foldline.evidence import LineErrors, paired_difference, rate_interval
from foldline.report.tables import csv_text, tex_text
from foldline.sweep.figure import precision_plot, write_figure
from foldline.sweep.jobs import Job
from foldline.sweep.results import SweepResults
from foldline.sweep.summary import GREEDY, OVERLAY, summary, warm_up_minutes
from foldline.sweep.table import sweep_json, sweep_report, sweep_table
from tests.foldline.sweep.sweeps import result, settings

pytestmark = pytest.mark.no_numpy2


def sweep(*left_out, **changes):
    of = settings(**changes)
    return SweepResults(settings=of, results=tuple(result(job, of) for job in of.space if job.name not in left_out))


def test_rates_are_those_of_all_lines_of_all_folds():
    in_float, quantized = summary(sweep())
    assert (in_float.rates[GREEDY].cer, quantized.rates[GREEDY].cer) == (12.5, 25)  # of 16 characters 2 and 4
    assert (in_float.rates[OVERLAY].cer, quantized.rates[OVERLAY].cer) == (37.5, 50)
    ones, halves = LineErrors(distances=[1] * 4, lengths=[4] * 4), LineErrors(distances=[0, 0, 1, 1], lengths=[4] * 4)
    assert in_float.rates[GREEDY].interval == rate_interval(halves)
    assert quantized.rates[GREEDY].difference == paired_difference(ones, halves)
    assert in_float.rates[GREEDY].difference is None
    assert (quantized.networks, quantized.wanted, quantized.lines, quantized.minutes) == (2, 2, 4, 4.0)
    # Two words a fold: none is read right by W2A2, and those of the first fold by float.
    assert (in_float.rates[GREEDY].wer, quantized.rates[GREEDY].wer) == (50, 100)


def test_minutes_of_a_float_stage_count_once_for_each_machine_that_trained_it():
    assert warm_up_minutes(sweep()) == 1.0  # of two float stages, which two networks share each
    of, (one, *others) = settings(), sweep().results
    elsewhere = result(one.job, of, warm_up_minutes=0.75)
    assert warm_up_minutes(SweepResults(settings=of, results=(elsewhere, *others))) == 1.75


def test_a_difference_is_that_of_networks_with_the_same_seed_and_fold():
    _, quantized = summary(sweep("float-seed0-fold1"))
    assert (quantized.compared, quantized.rates[GREEDY].difference.points) == (1, 0)
    _, alone = summary(sweep("float-seed0-fold1", "float-seed0-fold2"))
    assert alone.rates[GREEDY].difference is None
    in_float, _ = summary(sweep("float-seed0-fold1", "float-seed0-fold2"))
    assert (in_float.networks, in_float.rates) == (0, {})


def test_rates_of_other_seeds_and_folds_are_said_to_be_so():
    """The difference to float is that of the seeds and folds that both have."""
    found = sweep("float-seed0-fold1", "W2A2-seed1-fold2", seeds=2)
    in_float, quantized = summary(found)
    assert (in_float.lacking, quantized.lacking) == (("seed0-fold1",), ("seed1-fold2",))
    # On seed 0, fold 2 both have two errors; on seed 1, fold 1 float has none. Each fold has 8 characters.
    assert (quantized.compared, quantized.rates[GREEDY].difference.points) == (2, 100 * 2 / 16)
    text = " ".join(sweep_report(found, summary(found)))
    assert "not of the same seeds and folds: float lacks seed0-fold1; W2A2 lacks seed1-fold2." in text
    for whole in (
        sweep(),
        sweep("W2A2-seed0-fold1", "W2A2-seed0-fold2"),
        sweep("W2A2-seed0-fold2", "float-seed0-fold2"),
    ):
        assert "lacks" not in " ".join(sweep_report(whole, summary(whole)))


def test_deviation_is_that_of_seeds_on_the_folds_that_all_have():
    of = settings(seeds=2, precisions=("W2A2",))
    texts = {0: ("abcd", "efgh"), 1: ("abcd", "efg")}  # 0 and 1 of 8 characters
    results = [result(Job(precision="W2A2", seed=seed, fold=1), of, greedy=texts[seed]) for seed in (0, 1)]
    results.append(result(Job(precision="W2A2", seed=0, fold=2), of))
    (found,) = summary(SweepResults(settings=of, results=tuple(results)))
    assert found.rates[GREEDY].deviation == pytest.approx(12.5 / 2**0.5)
    assert found.rates[GREEDY].cer == pytest.approx(100 * 3 / 24)
    (single,) = summary(sweep(precisions=("W2A2",)))
    assert single.rates[GREEDY].deviation is None


def test_missing_networks_are_named_and_nothing_is_shown_of_them():
    found = sweep("W2A2-seed0-fold1", "W2A2-seed0-fold2")
    text = "\n".join(sweep_report(found, summary(found)))
    assert "tiny, 2 folds by page, 1 seed: 2 of 4 networks finished." in text
    assert "Not finished: W2A2-seed0-fold1, W2A2-seed0-fold2." in text
    assert "W2A2  " not in text
    assert sweep_json(found, summary(found))["missing"] == ["W2A2-seed0-fold1", "W2A2-seed0-fold2"]


def test_of_many_missing_networks_the_first_are_named():
    found = SweepResults(settings=settings(seeds=4), results=())
    text = "\n".join(sweep_report(found, summary(found)))
    assert text.endswith("W2A2-seed2-fold1, and 10 more.")
    assert "CER" not in text


def test_the_tables_for_a_paper_have_the_same_numbers():
    table = sweep_table(sweep(), summary(sweep()))
    rows = list(csv.DictReader(io.StringIO(csv_text(table))))
    assert [row["precision"] for row in rows] == ["float", "W2A2"]
    assert [float(row["CER, greedy CTC (%)"]) for row in rows] == [12.5, 25]
    assert [row["difference to float, greedy CTC (points)"] for row in rows] == ["", "12.5"]
    assert [(float(row["WER, greedy CTC (%)"]), row["WER, overlay labels (%)"]) for row in rows] == [
        (50, "100.0"),
        (100, "100.0"),
    ]
    assert "12.50 [" in tex_text(table) and tex_text(table).count("WER") == 2  # a note, and greedy CTC


def test_the_figure_has_every_precision_that_has_networks(tmp_path):
    found = sweep("W2A2-seed0-fold1", precisions=("float", "W2A2", "W4A4"))
    paths = write_figure(tmp_path, summary(found))
    assert [path.name for path in paths] == ["cer-precision.svg", "cer-precision.pdf"]
    (axes,) = precision_plot(summary(found)).figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["float", "W2A2\n1 of 2", "W4A4"]
    marks = [bar.lines[0].get_ydata()[0] for bar in axes.containers]
    assert marks == [one.rates[rule].cer for rule in (GREEDY, OVERLAY) for one in summary(found)]
    assert axes.get_ylim()[1] > max(one.rates[OVERLAY].interval.high for one in summary(found))
    assert write_figure(tmp_path, summary(SweepResults(settings=settings(), results=()))) == ()
