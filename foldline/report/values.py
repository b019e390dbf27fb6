"""The numbers of a report as JSON: everything that its page and its figures show, but the drawings of lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, fields

from datapath.version import TOOL
from fixedpoint_sim import Quantity
from foldline.compare.tables import as_json as comparison_json
from foldline.evidence import Difference
from foldline.foldings.enumeration import FoldingPoint, point_values
from foldline.hardware.estimate import as_json as estimate_json
from foldline.inspect.report import whole_type_text
from foldline.report.accuracy import DECODINGS, AccuracySection, NetworkPair
from foldline.report.fits import Fit
from foldline.report.inputs import Rate, ReportRun
from foldline.report.lines import LineView
from foldline.report.measured import MeasuredView
from foldline.report.view import ReportView, RunView


def json_text(view: ReportView) -> str:
    """The numbers of a report as a text of JSON; the same values give the same text.

    Error rates are in percent, with their 95 % intervals over lines as [low, high], null where there is none. A number that is
    not finite is null.

    :param view: the report's values.
    """
    values = {
        "title": view.inputs.title,
        "made": view.inputs.made,
        "tool": TOOL,
        "networks": [_network(one, view.accuracy) for one in view.runs],
        "differences": [_difference(pair, view) for pair in view.accuracy.pairs],
        "marks": [asdict(mark) | {"rate": _rate(mark.rate)} for mark in view.marks],
        "built": [_built(one, view) for one in view.measured],
        "lines": [_line(one.view) for one in view.lines],
        "lines_left_out": view.left_out,
    }
    return json.dumps(_finite(values), indent=1, allow_nan=False) + "\n"


def _network(one: RunView, accuracy: AccuracySection) -> dict[str, object]:
    run = one.run
    compared = comparison_json(run.comparison, experiment=run.name, data=run.dataset_name, per_line=False)
    return {
        "name": run.name,
        "label": one.label,
        "precision": run.precision,
        "digest": None if run.design is None else run.design.digest(folding=True),
        "rates": {decoding: _rate(rate) for decoding, rate in one.rates.items()},
        "accuracy": list(_accuracy(run)),
        "overlay_labels_minus_greedy_ctc": _points(accuracy.decodings[one.number - 1]),
        "errors": (found := accuracy.errors[one.number - 1]) and asdict(found),
        "comparison": {key: value for key, value in compared.items() if key not in ("experiment", "levels")},
        "estimate": None if one.estimate is None else estimate_json(one.estimate),
        "fit": None if one.fit is None else _fit(one.fit),
        "curves": [asdict(stage) for stage in run.curves],
        "value_ranges": {
            "lines": list(one.inspected),
            "quantities": [_quantity(quantity) for quantity in one.ranges.quantities] if one.ranges else [],
        },
        "notes": list(run.notes),
    }


def _difference(pair: NetworkPair, view: ReportView) -> dict[str, object]:
    """The CER of one network minus that of another one, by decoding."""
    names = {"first": view.runs[pair.first].run.name, "second": view.runs[pair.second].run.name, "lines": pair.lines}
    return names | {decoding: _points(one) for decoding, one in zip(DECODINGS, pair.differences, strict=True)}


def _points(one: Difference | None) -> dict[str, object] | None:
    return one and asdict(one) | {"significant": one.significant}


def _accuracy(run: ReportRun) -> Iterator[dict[str, object]]:
    for result in run.comparison.results:
        rate = Rate(value=result.rates.cer, interval=run.interval_of(result))
        names = {"backend": result.name, "title": result.title, "decoding": result.decoding}
        yield names | asdict(result.rates) | {"cer_interval": _rate(rate)["interval"]}


def _rate(rate: Rate) -> dict[str, object]:
    interval = None if rate.interval is None else [rate.interval.low, rate.interval.high]
    return {"cer": rate.value, "interval": interval}


def _quantity(quantity: Quantity) -> dict[str, object]:
    """Raw values are in units of the last bit of the quantity's type."""
    arrays = {name: getattr(quantity, name).tolist() for name in ("edges", "histogram")}
    plain = (field.name for field in fields(quantity) if field.name not in (*arrays, "format"))
    return {"type": whole_type_text(quantity.format)} | {name: getattr(quantity, name) for name in plain} | arrays


def _fit(fit: Fit) -> dict[str, object]:
    return {
        "fits": fit.fits,
        "exceeded": list(fit.exceeded),
        "cheapest": _point(fit.cheapest),
        "fastest": _point(fit.fastest),
    }


def _point(point: FoldingPoint | None) -> dict[str, object] | None:
    return None if point is None else point_values(point)


def _built(one: MeasuredView, view: ReportView) -> dict[str, object]:
    found = one.project.vivado
    scalars = ("clock_mhz", "period_ns", "wns", "whs", "reachable_mhz", "power_w", "is_met")
    return {
        "project": one.project.name,
        "network": view.hardware[one.number].run.name,
        "measured": asdict(found.resources),
        "measured_core": found.core and asdict(found.core),
        "estimated": asdict(one.estimated),
        "errors_percent": dict(one.errors),
        **{name: getattr(found, name) for name in scalars},
        "columns": one.columns,
        "milliseconds": one.milliseconds,
        "millijoules": one.millijoules,
        "loops": [asdict(row) for row in one.loops],
    }


def _line(view: LineView) -> dict[str, object]:
    return {
        "dataset": view.dataset,
        "name": view.line.name,
        "reference": view.line.text,
        "errors": view.errors,
        "networks": [
            {
                "network": on.name,
                "errors": on.errors,
                "texts": [
                    {"backends": list(read.backends), "text": read.text, "errors": read.errors} for read in on.texts
                ],
            }
            for on in view.runs
        ],
    }


def _finite(value: object) -> object:
    """The same values, with None for floating-point numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
