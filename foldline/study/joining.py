"""How a worker begins a study, or joins it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from datapath.errors import ConfigError
from foldline.study.queue import waiting_trial
from foldline.study.result import SETTINGS, load_study, stored_settings
from foldline.study.settings import StudySettings, first_settings, joined_settings
from foldline.study.space import PUBLISHED
from foldline.study.storage import Heartbeat, open_storage, storage_exists

if TYPE_CHECKING:
    from optuna import Study

SETTLING_SECONDS, POLL_SECONDS = 10.0, 0.05
"""How long a worker that joins waits for the settings of a study that another one is beginning, and between two looks."""


def settings_before(name: str, url: str) -> StudySettings | None:
    """The settings of a study; None if there is no such study.

    :param name: of the study.
    :param url: see `foldline.study.storage.storage_url`.
    :raises FileError: the storage cannot be opened, or the study is not Foldline's.
    """
    if not storage_exists(url):
        return None
    import optuna

    storage = open_storage(url)
    return _settled(load_study(name, storage, where=url)) if name in optuna.get_all_study_names(storage) else None


def join_study(name: str, url: str, given: Mapping[str, object], heartbeat: Heartbeat) -> tuple[Study, StudySettings]:
    """Begin a study, or join it. Returns the study and its settings.

    :param name: of the study.
    :param url: see `foldline.study.storage.storage_url`.
    :param given: fields of `StudySettings` that this worker asks for.
    :param heartbeat: of this worker.
    :raises ConfigError: a new study needs a field that is not given, a value is outside its range, or it contradicts the
        study.
    :raises FileError: the storage cannot be opened, or the study is not Foldline's.
    """
    import optuna

    if not storage_exists(url):
        first_settings(given)  # refused before anything is made
    storage = open_storage(url, heartbeat)
    if name in optuna.get_all_study_names(storage):
        study = load_study(name, storage, where=url)
        before = _settled(study)
        settings = joined_settings(before, given, study=name)
        if settings != before:
            study.set_user_attr(SETTINGS, settings.as_text())
        return study, settings
    settings = first_settings(given)
    try:
        study = optuna.create_study(storage=storage, study_name=name, directions=("minimize", "minimize"))
    except optuna.exceptions.DuplicatedStudyError:  # another worker was faster
        return join_study(name, url, given, heartbeat)
    study.set_user_attr(SETTINGS, settings.as_text())
    for choice in [one for one in PUBLISHED if one in settings.space][: settings.trials]:
        study.add_trial(waiting_trial(choice, settings.space))
    return study, settings


def _settled(study: Study) -> StudySettings:
    """The settings, once the worker that begins the study has written them."""
    deadline = time.monotonic() + SETTLING_SECONDS
    while (settings := stored_settings(study)) is None:
        if time.monotonic() > deadline:
            raise ConfigError(f"The study {study.study_name!r} is not one of Foldline: it has no settings.")
        time.sleep(POLL_SECONDS)
    return settings
