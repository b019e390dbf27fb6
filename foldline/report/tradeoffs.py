"""Error against speed and against cost: the runs of a report, the trials of a study, and the published overlays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.published import PUBLISHED as PUBLISHED_OVERLAYS
from datapath.published import PublishedOverlay
from foldline.hardware.estimate import Estimate
from foldline.report.inputs import ReportRun, short_name

if TYPE_CHECKING:
    from foldline.study.result import StudyResult

OURS, PUBLISHED, TRIAL = "run", "published", "trial"
"""Kinds of networks: a run of the report, a published overlay, a trial of a study."""


@dataclass(frozen=True, kw_only=True)
class XAxis:
    """An x axis: a field of `Mark`, title of the plot and label of the axis, and whether larger values are better."""

    key: str
    title: str
    label: str
    more_is_better: bool


AXES = (
    XAxis(key="columns_per_second", title="Error against speed", label="columns/s", more_is_better=True),
    XAxis(key="luts", title="Error against logic", label="LUT", more_is_better=False),
    XAxis(key="bram36", title="Error against memory", label="BRAM36", more_is_better=False),
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A network: a mark in every plot, and a row of the table. `cer` is in percent, `data` names the lines."""

    kind: str
    name: str
    label: str
    cer: float
    data: str
    columns_per_second: float
    luts: int
    bram36: float


def marks_of(runs: Sequence[ReportRun], estimates: Sequence[Estimate], study: StudyResult | None) -> list[Mark]:
    """All networks with an error rate: the runs, the complete trials of a study, and the published overlays."""
    return [*_ours(runs, estimates), *_trials(study), *map(_published, PUBLISHED_OVERLAYS)]


def _ours(runs: Sequence[ReportRun], estimates: Sequence[Estimate]) -> Iterator[Mark]:
    for number, (run, found) in enumerate(zip(runs, estimates, strict=True), start=1):
        result = run.main_result
        if result is not None:
            yield Mark(
                kind=OURS,
                name=run.name,
                label=short_name(run, number),
                cer=result.rates.cer,
                data=f"{result.rates.lines} lines of {run.dataset_name}",
                columns_per_second=found.columns_per_second,
                luts=found.resources.total.luts,
                bram36=found.resources.total.bram36,
            )


def _trials(study: StudyResult | None) -> Iterator[Mark]:
    for trial in () if study is None else study.complete:
        yield Mark(
            kind=TRIAL,
            name=f"trial {trial.number}",
            label="",
            cer=trial.error_rates.cer,
            data=f"{trial.error_rates.lines} lines of {study.settings.dataset}, limits ignored",
            columns_per_second=trial.point.columns_per_second,
            luts=trial.point.resources.luts,
            bram36=trial.point.resources.bram36,
        )


def _published(overlay: PublishedOverlay) -> Mark:
    return Mark(
        kind=PUBLISHED,
        name=f"published {overlay.name}",
        label=overlay.name,
        cer=overlay.cer,
        data="100 lines of uw3-500, limits ignored",
        columns_per_second=overlay.columns_per_second,
        luts=overlay.luts,
        bram36=overlay.bram36,
    )
