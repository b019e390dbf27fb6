"""A worker of a study: runs trials until all have finished, alone or with other workers on the same storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, DesignError
from datapath.manifest import Kernel
from foldline.foldings.enumeration import FoldingPoint, folding_front, point_values, share_text
from foldline.study.attributes import (
    CURVE,
    POINT,
    RESULT,
    WORKER,
    TrialErrorRates,
    curve_of,
    error_rates_of,
    point_of,
)
from foldline.study.queue import record, worker_name
from foldline.study.result import reference_curves, stored_settings
from foldline.study.settings import StudySettings
from foldline.study.space import Choice
from foldline.study.trials import TrialRunner

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial


@dataclass(frozen=True, kw_only=True)
class TrialRequest:
    """A trial, for the function that computes it."""

    number: int
    choice: Choice
    point: FoldingPoint
    record_epoch: Callable[[int, float], None]  # takes an epoch of the last stage and its CER in percent
    reference_curves: Callable[[], list[dict[int, float]]]  # of the complete trials that take no more of the board
    require_running: Callable[[], None]  # UpdateFinishedTrialError if another worker failed the trial; call every epoch
    log: Callable[[str], None]


Compute = Callable[[TrialRequest], TrialErrorRates]
"""Trains and measures a network. Raises optuna.TrialPruned, UpdateFinishedTrialError, KeyboardInterrupt, and any FoldlineError."""


def choose_point(settings: StudySettings, choice: Choice) -> FoldingPoint:
    """The cheapest folding of a network that reaches the study's rate on its board.

    :raises ConfigError: no folding reaches it.
    :raises DesignError: the network is too large for the datapath.
    """
    front = folding_front(
        choice.architecture(inputs=settings.hyperparameters.target_height, classes=settings.lines[2]),
        settings.on_board,
        Kernel(settings.kernel),
        clock_mhz=settings.clock_mhz,
        columns=settings.columns,
    )
    return front.cheapest(settings.min_columns_per_second)


class Worker(TrialRunner):
    """Runs trials of a study (see `foldline.study.joining.join_study`), one after the other."""

    def __init__(self, study: Study, compute: Compute, *, log: Callable[[str], None]) -> None:
        super().__init__(study, log=log)
        self._compute = compute

    def settings(self) -> StudySettings:
        return stored_settings(self._study)

    def compute(self, trial: Trial, network: Choice, settings: StudySettings) -> tuple[float, float]:
        from optuna import TrialPruned

        try:
            point = choose_point(settings, network)
        except (ConfigError, DesignError) as error:
            raise TrialPruned(str(error)) from error
        trial.set_user_attr(POINT, point_values(point))
        self._log(f"Trial {trial.number}: {network.name}, {point.folding}.")
        rates = self._compute(self._request(trial, network, point))
        trial.set_user_attr(RESULT, asdict(rates))
        return rates.cer, point.share

    def log_outcome(self, trial: FrozenTrial, ended: BaseException | tuple[float, float] | None) -> None:
        if trial.state.name == "COMPLETE":
            rates, point = error_rates_of(trial), point_of(trial)
            self._log(
                f"Trial {trial.number}, {Choice.of(trial.params).name}: CER {rates.cer:.2f} % (simulated), "
                f"{point.columns_per_second:.0f} columns/s (modelled), {share_text(point)} (estimated)."
            )
        elif trial.state.name == "PRUNED":
            self._log(f"Trial {trial.number} ends: {ended}")

    def _request(self, trial: Trial, choice: Choice, point: FoldingPoint) -> TrialRequest:
        curve = curve_of(trial)

        def record_epoch(epoch: int, cer: float) -> None:
            curve[epoch] = cer
            trial.set_user_attr(CURVE, curve)

        return TrialRequest(
            number=trial.number,
            choice=choice,
            point=point,
            record_epoch=record_epoch,
            reference_curves=lambda: reference_curves(self._study, share=point.share),
            require_running=lambda: record(trial, WORKER, worker_name()),
            log=self._log,
        )
