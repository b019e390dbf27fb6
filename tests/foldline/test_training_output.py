"""A training run on the terminal: decoders in two groups, the projected time, and the message of a first Ctrl-C."""

import io
import signal

import pytest
from rich.console import Console
from torch.utils.tensorboard import SummaryWriter

from datapath import ErrorRates
from foldline.compare.backends import CTC, OVERLAY
from foldline.compare.comparison import BackendResult
from foldline.compare.tables import by_decoder
from foldline.console.progress import bars_on
from foldline.console.projection import Projection, duration
from foldline.console.training import ShownRun
from foldline.recipe import run_recipe, stages_of
from foldline.report.curves import read_curves
from tests.foldline.command_line import run
from tests.train import tiny
from train import reporting
from train.data.dataset import write_dataset
from train.reporting import BatchResult, EpochResult, Reporter, RunStart
from train.trainer import train


def rates(cer: float, wer: float, exact: int) -> ErrorRates:
    return ErrorRates(cer=cer, wer=wer, cer_per_line=0.0, wer_per_line=0.0, exact=exact, lines=100)


GREEDY, OVERLAID = rates(1.5, 10.25, 80), rates(2.5, 12.0, 75)


def epoch(number=3, selected=OVERLAID, **changes) -> EpochResult:
    values = {"epoch": number, "loss": 4.0, "learning_rate": 1e-3, "rates": selected, "greedy": GREEDY}
    values |= {"overlay": OVERLAID, "best_cer": True, "best_wer": False, "seconds": 22.0}
    return EpochResult(**{**values, **changes})


def start(**changes) -> RunStart:
    """Ten epochs of ten batches of 1000 columns; validation has 3000 columns."""
    values = {"hyperparameters": tiny.hyperparameters(epochs=10), "folder": None, "epoch": 0, "training_lines": 40}
    values |= {"validation_lines": 12, "classes": 4, "parameters": 1, "batches_per_epoch": 10}
    return RunStart(**{**values, "training_columns": 10_000, "validation_columns": 3000, **changes})


def batch(number, of_epoch=1) -> BatchResult:
    return BatchResult(epoch=of_epoch, batch=number, batches=10, loss=1.0, lines_per_second=5.0, columns=1000)


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def shown(clock=None):
    text = io.StringIO()
    console = Console(file=text, width=300)
    return ShownRun(console, bars_on(console), clock or Clock()), text


# Decoders ------------------------------------------------------------------------------------------------------------


def test_decoders_have_one_name():
    assert (reporting.GREEDY, reporting.OVERLAY) == (CTC, OVERLAY)


def test_the_line_of_an_epoch_has_a_group_per_decoder_and_a_star_where_the_run_selects():
    reporter, text = shown()
    reporter.started(start())
    reporter.epoch_done(epoch())
    reporter.epoch_done(epoch(selected=GREEDY))
    reporter.epoch_done(epoch(best_cer=False))
    greedy, overlaid = (
        "greedy CTC: CER   1.50 %{} WER  10.25 %  exact  80 of 100",
        ("overlay labels: CER   2.50 %{} WER  12.00 %  exact  75 of 100"),
    )
    expected = [(" ", "*"), ("*", " "), (" ", " ")]
    assert text.getvalue().splitlines()[1:] == [
        f"epoch    3  loss    4.000 | {greedy.format(one)} | {overlaid.format(other)} | 22.0 s"
        for one, other in expected
    ]


def test_results_are_grouped_by_decoder_in_their_order():
    names = [
        ("float-activations", CTC),
        ("quantized", CTC),
        ("quantized", OVERLAY),
        ("simulated", CTC),
        ("simulated", OVERLAY),
    ]
    results = [BackendResult(name=n, decoding=d, texts=(), rates=GREEDY, title=n) for n, d in names]
    assert [[(one.name, one.decoding) for one in group] for group in by_decoder(results)] == [
        [("float-activations", CTC), ("quantized", CTC), ("simulated", CTC)],
        [("quantized", OVERLAY), ("simulated", OVERLAY)],
    ]
    assert by_decoder(results[:1]) == [results[:1]]


def test_best_says_by_which_decoder(tmp_path):
    data = write_dataset(tiny.dataset(), tmp_path / "lines")
    for select_by, decoder in (("GREEDY", "greedy CTC"), ("OVERLAY", "overlay labels")):
        tiny.hyperparameters(epochs=1, select_by=select_by).to_json(tmp_path / "params.json")
        result = run("train", "-p", tmp_path / "params.json", "-e", tmp_path / select_by, "--data", data, "--no-cuda")
        assert result.stdout.splitlines()[-1].startswith(f"Best by {decoder}: CER "), result.stderr


def test_curves_of_an_earlier_version_go_on_in_those_of_this_one(tmp_path):
    """A run that was resumed has epoch 1 under the earlier names, and epoch 2 under today's."""
    writer = SummaryWriter(str(tmp_path))
    for names, number in ((("CER", "CER, overlay labels"), 1), (("greedy CTC/CER", "overlay labels/CER"), 2)):
        for name, value in zip(("loss", *names), (5.0 / number, 10.0 / number, 20.0 / number), strict=True):
            writer.add_scalar(name, value, number)
    writer.close()
    found = read_curves(tmp_path, name="run")
    assert (found.epochs, found.loss) == ((1, 2), (5.0, 2.5))
    assert (found.greedy_cer, found.overlay_cer) == ((10.0, 5.0), (20.0, 10.0))


# Time ----------------------------------------------------------------------------------------------------------------


def test_the_time_is_projected_from_the_columns_of_a_few_batches():
    """Batch 1 compiles and is not timed. Four batches of 1000 columns in 8 s are 2 ms a column; an epoch of 10 000 columns
    takes 20 s, and its validation of 3000 columns a third of 6 s: 22 s. 9.5 epochs are left: 209 s."""
    clock = Clock()
    projection = Projection(start(), clock)
    for number in range(1, 5):
        assert projection.batch_done(batch(number)) is None
        clock.now += 2.0
    assert projection.batch_done(batch(5)) == pytest.approx(9.5 * 22.0)
    assert projection.epoch_seconds == pytest.approx(22.0)


def test_an_epoch_gives_the_time_of_its_validation():
    """Ten batches of 2 s, then 5 s of validation: 25 s an epoch. The validation is not part of the batches' time."""
    clock = Clock()
    projection = Projection(start(), clock)
    for number in range(1, 11):
        clock.now += 2.0
        projection.batch_done(batch(number))
    clock.now += 5.0
    projection.epoch_done(epoch(1, seconds=25.0))
    assert projection.epoch_seconds == pytest.approx(25.0)
    clock.now += 2.0
    assert projection.batch_done(batch(1, of_epoch=2)) == pytest.approx(8.9 * 25.0)


def test_a_long_run_prints_its_projection_once_with_the_later_stages():
    """As above: 209 s. The 5 later epochs take 5 x 22 s: 319 s in all."""
    clock = Clock()
    reporter, text = shown(clock)
    reporter.started(start(later_epochs=5))
    for number in range(1, 8):
        reporter.batch_done(batch(number))
        clock.now += 2.0
    assert text.getvalue().splitlines()[1:] == [
        "Projected: about 0:03:29 for 10 epochs; with the 5 of the later stages about 0:05:19."
    ]


def test_a_resumed_run_projects_what_is_left():
    """8 of 10 epochs are done; after half of the ninth 1.5 epochs of 22 s are left: 33 s."""
    clock = Clock()
    reporter, text = shown(clock)
    reporter.started(start(epoch=8))
    for number in range(1, 6):
        reporter.batch_done(batch(number, of_epoch=9))
        clock.now += 2.0
    assert text.getvalue().splitlines()[1:] == ["Projected: about 0:00:33 for 2 epochs."]


def test_a_short_run_prints_no_projection():
    clock = Clock()
    reporter, text = shown(clock)
    reporter.started(start())
    for number in range(1, 8):
        reporter.batch_done(batch(number))
        clock.now += 0.01
    assert len(text.getvalue().splitlines()) == 1
    assert duration(3600 + 62.6) == "1:01:03"


class Starts(Reporter):
    def __init__(self):
        self.runs = []

    def started(self, run):
        self.runs.append(run)


def test_a_recipe_tells_each_stage_the_epochs_of_the_later_ones(tmp_path):
    target = tiny.quantized(forward_arithmetic="HARDWARE", ctc="OVERLAY", select_by="OVERLAY", epochs=4)
    assert [stage.hyperparameters.epochs for stage in stages_of(target)] == [1, 1, 2]
    starts = Starts()
    run_recipe(target, tiny.dataset(), experiments=tmp_path, log=lambda text: None, reporter=starts)
    assert [one.later_epochs for one in starts.runs] == [3, 2, 0]
    # Ten training lines and three validation lines of the tiny language; letters are 7 columns wide, on 3 columns.
    letters = sum(len(line.text) for line in tiny.dataset().training)
    assert starts.runs[0].training_columns == pytest.approx(7 * letters + 3 * 10, abs=10)  # widths are even


# Ctrl-C --------------------------------------------------------------------------------------------------------------


def test_the_first_ctrl_c_says_what_a_second_one_does(tmp_path):
    reporter, text = shown()

    class Interrupting(Reporter):
        def started(self, run):
            reporter.started(run)

        def batch_done(self, result):
            if result.batch == 1:
                signal.raise_signal(signal.SIGINT)

        def stopping(self):
            reporter.stopping()

    result = train(tiny.hyperparameters(), tiny.dataset(), experiments=tmp_path, reporter=Interrupting())
    assert result.interrupted
    assert text.getvalue().splitlines()[-1] == (
        f"Stopping after this batch. Ctrl-C again stops at once; {result.folder}/last.pt then has the last whole epoch."
    )
    reporter.started(start())
    reporter.stopping()
    assert text.getvalue().splitlines()[-1].endswith("stops at once; nothing is kept.")
