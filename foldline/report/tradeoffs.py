"""Error against speed and against cost: the runs of a report, the trials of a study, and the published overlays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from datapath.boards import TargetBoard
from datapath.published import PUBLISHED as PUBLISHED_OVERLAYS
from foldline.hardware.estimate import RESOURCE_TITLES, Estimate
from foldline.report.inputs import Rate, ReportRun

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
    """A network: a mark in every plot, and a row of the table. `data` names the lines of its rate; `fits` says whether the board
    has the resources that it takes."""

    kind: str
    name: str
    label: str
    rate: Rate
    data: str
    columns_per_second: float
    luts: int
    ffs: int
    bram36: float
    dsps: int
    fits: bool


def our_mark(run: ReportRun, label: str, rate: Rate, found: Estimate) -> Mark:
    """A network of the report.

    :param run: that has a design.
    :param label: in the plots.
    :param rate: its CER.
    :param found: its estimate.
    """
    total = found.resources.total
    return Mark(
        kind=OURS,
        name=run.name,
        label=label,
        rate=rate,
        data=lines_of(run),
        columns_per_second=found.columns_per_second,
        **{name: getattr(total, name) for name in RESOURCE_TITLES},
        fits=not found.exceeded,
    )


def lines_of(run: ReportRun) -> str:
    """The lines of a run's error rate."""
    return f"{run.main_result.rates.lines} lines of {run.dataset_name}"


def trial_marks(study: StudyResult | None) -> Iterator[Mark]:
    """The complete trials of a study.

    :param study: None for no study.
    """
    for trial in () if study is None else study.complete:
        yield Mark(
            kind=TRIAL,
            name=f"trial {trial.number}",
            label="",
            rate=Rate(value=trial.error_rates.cer),
            data=f"{trial.error_rates.lines} lines of {study.settings.dataset}, limits ignored",
            columns_per_second=trial.point.columns_per_second,
            **{name: getattr(trial.point.resources, name) for name in RESOURCE_TITLES},
            fits=trial.point.fits,
        )


def published_marks(board: TargetBoard) -> Iterator[Mark]:
    """The published overlays.

    :param board: that they are to fit.
    """
    for overlay in PUBLISHED_OVERLAYS:
        yield Mark(
            kind=PUBLISHED,
            name=f"published {overlay.name}",
            label=overlay.name,
            rate=Rate(value=overlay.cer),
            data="100 lines of uw3-500, limits ignored",
            columns_per_second=overlay.columns_per_second,
            **{name: getattr(overlay, name) for name in RESOURCE_TITLES},
            fits=all(getattr(overlay, name) <= getattr(board, name) for name in RESOURCE_TITLES),
        )
