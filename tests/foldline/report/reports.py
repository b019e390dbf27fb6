"""Small reports for tests: tiny designs, and lines whose reference texts contain markup."""

from dataclasses import replace

from datapath import error_rates
from foldline.compare.backends import CTC, OVERLAY
from foldline.compare.comparison import BackendResult, compare
from foldline.report import CurveStage, ReportInputs, ReportRun
from tests.designs import random_design
from tests.train import tiny
from train.data.dataset import Line

HOSTILE = '<script>alert(1)</script>&"'
LINES = (
    *tiny.dataset().validation,
    Line("validation/<b>", HOSTILE, tiny.draw("abcab")),
    *(Line(f"validation/long{number}", "abc " * 9, tiny.draw("abcb" * (7 + number))) for number in range(3)),
)
CURVES = (
    CurveStage(name="1-float", epochs=(1, 2), loss=(31.5, 12.25), greedy_cer=(101.0, 55.5), overlay_cer=(99.0, 66.6)),
    CurveStage(
        name="2-hardware", epochs=(1, 2, 3), loss=(9.0, 8.0, 0.0), greedy_cer=(44.0, 3.0, 0.0), overlay_cer=(5.0,) * 3
    ),
)


def tiny_design(seed: int = 26):
    return random_design(seed, bits=(8, 8, 4, 8, 8), inputs=8, hidden=4, classes=5)


def result_of(
    name: str, decoding: str, texts: tuple[str, ...], title: str, lines: tuple[Line, ...] = LINES
) -> BackendResult:
    """The result of a backend with these texts on the first lines."""
    rates = error_rates([line.text for line in lines[: len(texts)]], texts)
    return BackendResult(name=name, decoding=decoding, texts=texts, rates=rates, title=title)


def simulated_run(name: str = "one", seed: int = 26, **changes: object) -> ReportRun:
    """A run with results of the simulator only."""
    design = tiny_design(seed)
    run = ReportRun(name=name, design=design, comparison=compare(design, LINES), dataset_name="tiny")
    return replace(run, **changes)


def whole_run(name: str = "all <levels>", **changes: object) -> ReportRun:
    """A run with results of all backends, whose error rates all differ, and with curves."""
    run = simulated_run(name)
    references = [line.text for line in LINES]
    simulated = run.comparison.results
    results = (
        result_of("float-activations", CTC, tuple(references), "PyTorch, float activations"),
        result_of("quantized", CTC, ("x", *references[1:]), "quantized PyTorch"),
        result_of("quantized", OVERLAY, ("xy", *references[1:]), "quantized PyTorch"),
        *simulated,
        result_of("csim", OVERLAY, simulated[-1].texts[:2], "C simulation (first 2 lines)"),
        result_of("board", OVERLAY, simulated[-1].texts, "virtual board (modelled)"),
    )
    return replace(run, comparison=replace(run.comparison, results=results), curves=CURVES, **changes)


def inputs(*runs: ReportRun, **changes: object) -> ReportInputs:
    values = {"title": "A <report> & more", "made": "2026-01-02", "inspected_lines": 2, **changes}
    return ReportInputs(runs=runs or (whole_run(),), **values)


def float_run(name: str = "baseline", **changes: object) -> ReportRun:
    """A float network: rates of PyTorch by both decodings, curves, and no design."""
    run = simulated_run(name)
    references = [line.text for line in LINES]
    results = tuple(
        result_of("float", decoding, (wrong, *references[1:]), "float PyTorch")
        for decoding, wrong in ((CTC, references[0]), (OVERLAY, "bxa"))
    )
    comparison = replace(run.comparison, results=results, agreement=None)
    facts = {"design": None, "rows": 8, "origin": (("network", "LSTM4 & co"),), "curves": CURVES}
    return replace(run, comparison=comparison, **facts | changes)
