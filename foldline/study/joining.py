"""How a worker begins a study, or joins it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from datapath.errors import ConfigError
from datapath.quoting import quoted
from foldline.study.attributes import all_trials, reading
from foldline.study.queue import waiting_trial
from foldline.study.result import SETTINGS, stored_settings
from foldline.study.settings import StudySettings, first_settings, joined_settings
from foldline.study.space import PUBLISHED
from foldline.study.storage import Heartbeat, open_storage, storage_exists

if TYPE_CHECKING:
    from optuna import Study

SETTLING_SECONDS, POLL_SECONDS = 10.0, 0.05
"""How long a worker that joins waits for the settings of a study that another one is beginning, and between two looks."""


def settings_before(name: str, url: str) -> StudySettings | None:
    """The settings of a study, once the worker that begins it has written them; None if there is no such study.

    :param url: see `foldline.study.storage.storage_url`.
    :raises FileError: the storage cannot be opened, or the settings are damaged or of another version.
    :raises ConfigError: nobody writes settings: the study is not Foldline's.
    """
    if not storage_exists(url):
        return None
    import optuna

    storage = open_storage(url)
    with reading(name):
        if name not in optuna.get_all_study_names(storage):
            return None
        study = optuna.load_study(study_name=name, storage=storage)
    deadline = time.monotonic() + SETTLING_SECONDS
    while (settings := stored_settings(study)) is None:
        if time.monotonic() > deadline or all_trials(study):  # ours has settings before it has a trial
            raise ConfigError(f"The study {quoted(name)} is not one of Foldline: it has no settings.")
        time.sleep(POLL_SECONDS)
    return settings


def join_study(name: str, url: str, given: Mapping[str, object], heartbeat: Heartbeat) -> tuple[Study, StudySettings]:
    """Begin a study, or join it. Returns the study and its settings.

    :param url: see `foldline.study.storage.storage_url`.
    :param given: fields of `StudySettings` that this worker asks for.
    :raises ConfigError: a new study needs a field that is not given, a value is outside its range, or it contradicts the
        study.
    :raises FileError: the storage cannot be opened, or the study is not Foldline's.
    """
    import optuna

    before = settings_before(name, url)
    settings = first_settings(given) if before is None else joined_settings(before, given, study=name)
    storage = open_storage(url, heartbeat)
    if before is not None:
        with reading(name):
            study = optuna.load_study(study_name=name, storage=storage)
        all_trials(study)
        if settings != before:
            study.set_user_attr(SETTINGS, settings.as_text())
        return study, settings
    try:
        study = optuna.create_study(storage=storage, study_name=name, directions=("minimize", "minimize"))
    except optuna.exceptions.DuplicatedStudyError:  # another worker was faster
        return join_study(name, url, given, heartbeat)
    study.set_user_attr(SETTINGS, settings.as_text())
    for choice in [one for one in PUBLISHED if one in settings.space][: settings.trials]:
        study.add_trial(waiting_trial(choice, settings.space))
    return study, settings
