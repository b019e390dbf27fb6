"""Sweeps over four lines whose networks take no time, for the tests of `foldline sweep`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from foldline.study.storage import Heartbeat
from foldline.sweep.folder import keep_settings
from foldline.sweep.jobs import FLOAT, Job
from foldline.sweep.results import NetworkResult, write_result
from foldline.sweep.settings import SweepSettings
from foldline.sweep.worker import SweepWorker, TrialRequest, exchange_results, join_sweep
from tests.foldline.study.studies import PRESET

HEARTBEAT = Heartbeat(interval=1, grace=60)
NAME = "tiny"

FOLDS = (
    (("1/a", "abcd"), ("1/b", "efgh")),
    (("2/a", "ijkl"), ("2/b", "mnop")),
)


def settings(**changes: object) -> SweepSettings:
    """Of a sweep of `float` and W2A2 in two folds."""
    values = {
        "precisions": (FLOAT, "W2A2"),
        "folds": 2,
        "folds_by": "page",
        "dataset": "tiny",
        "digest": "ab",
        "preset": PRESET.to_dict(),
        "lines": FOLDS,
        "command": "foldline sweep",
    }
    return SweepSettings(**{**values, **changes})


def result(job: Job, of: SweepSettings | None = None, **changes: object) -> NetworkResult:
    """A network that reads the references without the last character of each; `float` reads all of the first fold."""
    of = settings() if of is None else of
    references = [reference for _, reference in of.validated(job.fold)]
    texts = references if job.precision == FLOAT and job.fold == 1 else [text[:-1] for text in references]
    values = {
        **{"precision": job.precision, "seed": job.seed, "fold": job.fold, "lines": of.digest},
        "text_form": of.text_form,
        "hyperparameters": job.hyperparameters(of.hyperparameters).to_dict(),
        "greedy": tuple(texts),
        "overlay": tuple(text[:-1] for text in texts),
        "design": None if job.precision == FLOAT else "cd",
        **{"minutes": 2.0, "warm_up_minutes": 0.5, "threads": 1, "machine": "here"},
        **{"versions": {"foldline": "0"}, "command": "foldline sweep"},
    }
    return NetworkResult(**{**values, **changes})


def work(
    folder: Path, of: SweepSettings, trained: list[str], *, storage: Path, compute=None, name: str = NAME
) -> SweepSettings:
    """Run a worker until the sweep is finished, as `foldline sweep` does; `trained` gets the names of the networks that it
    trained."""

    def at_once(job: Job, its: SweepSettings, request: TrialRequest) -> NetworkResult:
        request.require_running()
        trained.append(job.name)
        found = result(job, its)
        write_result(found, folder)
        return found

    study, decided = join_sweep(name, f"sqlite:///{storage}", of, HEARTBEAT)
    keep_settings(folder, decided)
    exchange_results(study, decided, folder)
    worker = SweepWorker(study, decided, compute or at_once, log=[].append, keep=partial(keep_settings, folder))
    worker.run()
    exchange_results(study, worker.settings(), folder)
    return worker.settings()
