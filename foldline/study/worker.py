"""A worker of a study: takes trials until all are finished, by itself or together with others on the same storage."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, DesignError, FoldlineError
from datapath.manifest import Kernel
from foldline.foldings.enumeration import (
    FoldingPoint,
    folding_front,
    point_from,
    point_values,
    share_text,
)
from foldline.study.ledger import REASON, Ledger, choice_of
from foldline.study.result import (
    CURVE,
    POINT,
    RESULT,
    SETTINGS,
    TrialErrorRates,
    kept_settings,
    load_study,
    reference_curves,
)
from foldline.study.retries import WORKER, Pulse, check_beats, discard, hand_back, worker_name
from foldline.study.settings import StudySettings, first_settings, joined_settings
from foldline.study.space import PUBLISHED, Choice
from foldline.study.storage import open_storage, storage_exists

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

SETTLING_SECONDS, LOOK_SECONDS = 10.0, 0.05
"""How long a worker that joins waits for the settings of a study that another one is beginning, and between two looks."""

WAIT_SECONDS = 1.0
"""Between two looks at a study whose trials are all in other hands."""


class TrialPrunedError(Exception):
    """A trial ends without a result, and counts; its text is the reason."""


class TrialLostError(Exception):
    """Another worker has taken the trial over: this one was not heard of for too long."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A trial for whoever computes it.

    point       the folding that was chosen for it
    keep_epoch  called with an epoch of the last stage and its CER in percent
    references  gives the curves of the complete trials that take no more of the board
    check       called often; raises TrialLostError
    say         told in sentences what happens
    """

    number: int
    choice: Choice
    point: FoldingPoint
    keep_epoch: Callable[[int, float], None]
    references: Callable[[], list[dict[int, float]]]
    check: Callable[[], None]
    say: Callable[[str], None]


Compute = Callable[[Job], TrialErrorRates]
"""Trains and reads a network. Raises TrialPrunedError, TrialLostError, KeyboardInterrupt, and any FoldlineError."""


def settings_before(name: str, url: str) -> StudySettings | None:
    """Those of a study that is there already; None where it is not.

    :raises FileError: the storage cannot be opened, or the study is not Foldline's.
    """
    if not storage_exists(url):
        return None
    import optuna

    storage = open_storage(url, makes=False)
    return _settled(load_study(name, storage, where=url)) if name in optuna.get_all_study_names(storage) else None


def join_study(name: str, url: str, given: Mapping[str, object]) -> Study:
    """Begin a study, or join it.

    :param given: fields of `StudySettings` that this worker asks for.
    :raises ConfigError: a new study needs what is not given, a value is outside its range, or it contradicts the study.
    :raises FileError: the storage cannot be opened, or the study is not Foldline's.
    """
    import optuna

    if not storage_exists(url):
        first_settings(given)  # refused before anything is made
    storage = open_storage(url, makes=True)
    if name in optuna.get_all_study_names(storage):
        study = load_study(name, storage, where=url)
        before = _settled(study)
        settings = joined_settings(before, given, study=name)
        if settings != before:
            study.set_user_attr(SETTINGS, settings.as_text())
        return study
    settings = first_settings(given)
    try:
        study = optuna.create_study(storage=storage, study_name=name, directions=("minimize", "minimize"))
    except optuna.exceptions.DuplicatedStudyError:  # another worker was faster
        return join_study(name, url, given)
    study.set_user_attr(SETTINGS, settings.as_text())
    _line_up(study, settings)
    return study


def _settled(study: Study) -> StudySettings:
    """The settings, once the worker that begins the study has written them."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while (settings := kept_settings(study)) is None:
        if time.monotonic() > deadline:
            raise ConfigError(f"The study {study.study_name!r} is no study of Foldline's: it has no settings.")
        time.sleep(LOOK_SECONDS)
    return settings


def _line_up(study: Study, settings: StudySettings) -> None:
    """Begin with the published networks, as far as the space has them."""
    from optuna.trial import TrialState, create_trial

    from foldline.study.sampling import distributions_of

    distributions = distributions_of(settings.space)
    for choice in [one for one in PUBLISHED if one in settings.space][: settings.trials]:
        study.add_trial(create_trial(state=TrialState.WAITING, params=asdict(choice), distributions=distributions))


def choose_point(settings: StudySettings, choice: Choice) -> FoldingPoint:
    """The cheapest folding of a network that reaches the study's rate on its board.

    :raises ConfigError: none does. DesignError: the network is too large for the datapath.
    """
    architecture = choice.architecture(inputs=settings.hyperparameters.target_height, classes=settings.lines[2])
    front = folding_front(
        architecture,
        settings.on_board,
        Kernel(settings.kernel),
        clock_mhz=settings.clock_mhz,
        columns=settings.columns,
    )
    return front.cheapest(settings.min_columns_per_second)


class Worker:
    """Takes trials of a study, one after the other.

    :param compute: what trains and reads a network.
    :param say: told in sentences what happens.
    :param interval: seconds between two beats.
    :param grace: seconds without a beat after which another worker is taken to be lost.
    """

    def __init__(
        self, study: Study, compute: Compute, *, say: Callable[[str], None], interval: float, grace: float
    ) -> None:
        check_beats(interval, grace)
        from foldline.study.sampling import UntriedSampler

        self._study, self._compute, self._say = study, compute, say
        self._settings = kept_settings(study)
        self._pulse = Pulse(study, interval=interval, grace=grace)
        study.sampler = UntriedSampler(self._settings.space, self._settings.hyperparameters.random_seed)

    def run(self) -> None:
        """Work until as many trials as are wanted have finished, whoever finishes them.

        :raises KeyboardInterrupt: the running trial has been handed back.
        :raises FoldlineError: it was handed back because of an error that is not the network's.
        """
        waited = False
        with self._pulse:
            while (ledger := self._ledger()).finished < (places := self._places(ledger)):
                if not ledger.waiting and ledger.live >= places:
                    if not waited:
                        self._say(
                            f"Waiting for {places - ledger.finished} of {places} trials, which other workers have."
                        )
                    waited = True
                    time.sleep(WAIT_SECONDS)
                    continue
                waited = False
                trial = self._take(places)
                if trial is not None:
                    self._settle(trial)

    def _places(self, ledger: Ledger) -> int:
        """How many trials will finish in all."""
        wanted = kept_settings(self._study).trials  # another worker may have made the study longer
        return ledger.places(wanted, len(self._settings.space))

    def _take(self, places: int) -> Trial | None:
        """A trial that is this worker's now: one that waits, or a new one; None if it must not be."""
        from foldline.study.sampling import distributions_of

        trial = self._pulse.take(lambda: self._study.ask(distributions_of(self._settings.space)))
        try:
            self._note(trial, WORKER, worker_name())
            # Where two draw the same network at the same time, the earlier trial stays: wait until its draw is known.
            while (ledger := self._ledger()).unfinished_draws(self._frozen(trial)):
                self._check()
                time.sleep(LOOK_SECONDS)
            refusal = ledger.refusal(self._frozen(trial), places=places)
        except TrialLostError:
            self._pulse.leave()
            return None
        except KeyboardInterrupt:
            hand_back(self._study, self._frozen(trial), "Interrupted.", lost=False)
            raise
        if refusal is None:
            return trial
        self._pulse.leave()
        discard(self._study, self._frozen(trial), refusal)
        return None

    def _settle(self, trial: Trial) -> None:
        """Compute a trial and tell how it ended."""
        choice = choice_of(self._frozen(trial))
        try:
            reading = self._computed(trial, choice)
            point = point_from(self._frozen(trial).user_attrs[POINT])
            self._note(trial, RESULT, asdict(reading))
            self._tell(trial, values=(reading.cer, point.share))
            self._say(
                f"Trial {trial.number}, {choice.name}: CER {reading.cer:.2f} % (simulated), "
                f"{point.columns_per_second:.0f} columns/s (modelled), {share_text(point)} (estimated)."
            )
        except TrialPrunedError as pruned:
            self._prune(trial, str(pruned))
        except TrialLostError:
            self._say(f"Trial {trial.number} was taken over by another worker.")
        except KeyboardInterrupt:
            hand_back(self._study, self._frozen(trial), "Interrupted.", lost=False)
            raise
        except FoldlineError as error:
            hand_back(self._study, self._frozen(trial), str(error), lost=True)
            raise
        finally:
            self._pulse.leave()

    def _computed(self, trial: Trial, choice: Choice) -> TrialErrorRates:
        try:
            point = choose_point(self._settings, choice)
        except (ConfigError, DesignError) as error:
            raise TrialPrunedError(str(error)) from error
        self._note(trial, POINT, point_values(point))
        self._say(f"Trial {trial.number}: {choice.name}, {point.folding}.")
        curve = {int(epoch): cer for epoch, cer in trial.user_attrs.get(CURVE, {}).items()}

        def keep_epoch(epoch: int, cer: float) -> None:
            curve[epoch] = cer
            self._note(trial, CURVE, curve)

        return self._compute(
            Job(
                number=trial.number,
                choice=choice,
                point=point,
                keep_epoch=keep_epoch,
                references=lambda: reference_curves(self._study, share=point.share),
                check=self._check,
                say=self._say,
            )
        )

    def _prune(self, trial: Trial, reason: str) -> None:
        from optuna.trial import TrialState

        try:
            self._note(trial, REASON, reason)
            self._tell(trial, state=TrialState.PRUNED)
        except TrialLostError:
            return
        self._say(f"Trial {trial.number} ends: {reason}")

    def _tell(self, trial: Trial, **outcome: object) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        self._check()
        try:
            self._study.tell(trial, **outcome)
        except (UpdateFinishedTrialError, ValueError) as error:
            if not self._frozen(trial).state.is_finished():
                raise
            raise TrialLostError from error

    def _note(self, trial: Trial, name: str, value: object) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            trial.set_user_attr(name, value)
        except UpdateFinishedTrialError as error:
            raise TrialLostError from error

    def _check(self) -> None:
        if self._pulse.lost.is_set():
            raise TrialLostError

    def _frozen(self, trial: Trial) -> FrozenTrial:
        return self._study._storage.get_trial(trial._trial_id)

    def _ledger(self) -> Ledger:
        return Ledger(self._study.get_trials(deepcopy=False))
