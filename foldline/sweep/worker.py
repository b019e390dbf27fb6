"""A worker of a sweep: joins it, and trains networks until all are finished, alone or with other workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datapath.error_rates import error_rates
from datapath.errors import ConfigError, FileError
from datapath.quoting import quoted
from foldline.study.attributes import WORKER, all_trials, reading
from foldline.study.queue import record, worker_name
from foldline.study.storage import Heartbeat, open_storage
from foldline.study.trials import TrialRunner
from foldline.sweep.jobs import Job
from foldline.sweep.results import NetworkResult, read_results, references_of, result_path, write_result
from foldline.sweep.settings import SweepSettings, together

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

SETTINGS = "foldline sweep"
"""Attribute of the study."""

RESULT = "result"
"""Attribute of a complete trial: the text of its `NetworkResult`, for workers on other machines."""


@dataclass(frozen=True, kw_only=True)
class TrialRequest:
    """See `foldline.study.recipes.RunningTrial`."""

    require_running: Callable[[], None]
    log: Callable[[str], None]


Compute = Callable[[Job, SweepSettings, TrialRequest], NetworkResult]
"""Trains and measures a network, see `foldline.sweep.training.SweepTraining`."""


def join_sweep(name: str, url: str, settings: SweepSettings, heartbeat: Heartbeat) -> tuple[Study, SweepSettings]:
    """Begin a sweep's study in a storage, or join it. Returns it, and the settings with what other workers have added.

    :param name: of the study.
    :param url: see `foldline.study.storage.storage_url`.
    :param settings: of this worker.
    :param heartbeat: of this worker.
    :raises ConfigError: the study is another sweep, or none.
    :raises FileError: the storage cannot be opened, or is damaged.
    """
    import optuna

    storage = open_storage(url, heartbeat)
    with reading(name):
        study = optuna.create_study(
            storage=storage, study_name=name, directions=("minimize", "minimize"), load_if_exists=True
        )
    trials = all_trials(study)  # a sweep has settings before it has a trial
    with reading(name):
        begun = SETTINGS in study.user_attrs
    if trials and not begun:
        raise ConfigError(f"The study {quoted(name)} is not a sweep of Foldline: it has no settings.")
    return study, shared_settings(study, settings)


def shared_settings(study: Study, settings: SweepSettings) -> SweepSettings:
    """The settings of a worker with what others have added; afterwards, the storage has those of the worker as well.

    Optuna has no transaction that reads and writes, so a worker that extends the sweep at the same time may overwrite what
    this one has written. Settings only grow, and each worker calls this before every network: what was lost is added again.

    :param study: of the sweep.
    :param settings: of the worker.
    :raises ConfigError: the study is another sweep.
    :raises FileError: the study is damaged.
    """
    name = study.study_name
    while True:
        with reading(name):
            text = study.user_attrs.get(SETTINGS)
        theirs = settings if text is None else SweepSettings.from_text(text, source=f"The study {quoted(name)}")
        both = together(theirs, settings, what=name)
        if text is not None and both == theirs:
            return together(settings, both, what=name)
        study.set_user_attr(SETTINGS, both.as_text(shared=True))


def exchange_results(study: Study, settings: SweepSettings, folder: Path) -> None:
    """Bring results in the folder of a sweep into its storage, and those of other machines into the folder.

    :param study: of `join_sweep`.
    :param settings: of the sweep.
    :param folder: of the sweep.
    :raises FileError: a result is damaged, does not fit the sweep, or is not the one that the storage has.
    """
    from optuna.trial import TrialState, create_trial

    from foldline.study.sampling import distributions_of

    stored: dict[Job, tuple[NetworkResult, str]] = {}
    for trial in all_trials(study):
        job = settings.space.network_of(trial.params)
        if job is None or trial.state is not TrialState.COMPLETE:
            continue
        source = f"Trial {trial.number} of the study {quoted(study.study_name)}"
        text = trial.user_attrs.get(RESULT)
        if not isinstance(text, str):
            raise FileError(f"{source} is damaged: it has no {RESULT}.")
        result = NetworkResult.from_text(text, source=source)
        result.require_of(settings, source=source)
        stored[job] = result, source
        if not result_path(folder, job).exists():
            write_result(result, folder)
    for result in read_results(folder, settings).results:
        if result.job not in stored:
            study.add_trial(
                create_trial(
                    state=TrialState.COMPLETE,
                    values=_values(result, settings),
                    params=asdict(result.job),
                    distributions=distributions_of(settings.space),
                    user_attrs={RESULT: result.as_text()},
                )
            )
            continue
        other, source = stored[result.job]
        if other != result:
            raise FileError(
                f"{result_path(folder, result.job)} is of another training than {source}. Remove it and its design to take "
                "the stored result, or go on with another --study."
            )


class SweepWorker(TrialRunner):
    """Trains networks of a sweep, one after the other.

    :param study: of `join_sweep`.
    :param settings: of the sweep.
    :param compute: trains a network.
    :param log: gets a line of text about each network.
    :param keep: gets the settings when another worker has extended the sweep.
    """

    noun = "networks"

    def __init__(
        self,
        study: Study,
        settings: SweepSettings,
        compute: Compute,
        *,
        log: Callable[[str], None],
        keep: Callable[[SweepSettings], None],
    ) -> None:
        super().__init__(study, log=log)
        self._settings, self._compute, self._keep = settings, compute, keep

    def settings(self) -> SweepSettings:
        found = shared_settings(self._study, self._settings)
        if found != self._settings:
            self._keep(found)
            self._settings = found
        return found

    def compute(self, trial: Trial, network: Job, settings: SweepSettings) -> tuple[float, float]:
        place = [*settings.space].index(network) + 1
        self._log(f"Network {place} of {len(settings.space)}: {network.name}.")
        request = TrialRequest(require_running=lambda: record(trial, WORKER, worker_name()), log=self._log)
        result = self._compute(network, settings, request)
        trial.set_user_attr(RESULT, result.as_text())
        return _values(result, settings)

    def log_outcome(self, trial: FrozenTrial, ended: BaseException | tuple[float, float] | None) -> None:
        if trial.state.name == "COMPLETE":
            greedy, overlay = trial.values
            self._log(
                f"{Job(**trial.params).name}: CER {greedy:.2f} % by greedy CTC, {overlay:.2f} % by overlay labels."
            )
        elif trial.state.name == "PRUNED":
            self._log(f"{Job(**trial.params).name} has no result: {ended}")


def _values(result: NetworkResult, settings: SweepSettings) -> tuple[float, float]:
    """What a trial has as its values: CER in percent by greedy CTC and by overlay labels."""
    references = references_of(settings.validated(result.fold))
    return tuple(error_rates(references, texts).cer for texts in (result.greedy, result.overlay))
