"""A precision study as text and as JSON. Error rates are simulated, columns/s modelled, resources estimated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace

from datapath.manifest import Kernel
from foldline.console.text import plain_table
from foldline.foldings.enumeration import point_values, share_text
from foldline.foldings.table import export_command
from foldline.study.result import STATES, StudyResult, TrialResult

HEADINGS = ("trial", "network", "folding", "CER %", "WER %", "columns/s", "LUT", "BRAM36", "share")


def study_report(study: StudyResult, *, max_cer: float | None, complete: bool) -> Iterator[str]:
    """A study as lines of text.

    :param max_cer: percent; the cheapest network with at most this CER is named; None names none.
    :param complete: show every trial, not only the front.
    """
    settings = study.settings
    yield (
        f"Study {study.name}: {settings.min_columns_per_second:.10g} columns/s on {settings.on_board.title} at "
        f"{settings.clock_mhz:g} MHz, {settings.kernel} kernel, {settings.dataset}."
    )
    yield _counts(study)
    shown = study.trials if complete else study.front
    if shown:
        yield ""
        yield from plain_table([HEADINGS, *(_cells(trial) for trial in shown)], text_columns=3)
        yield "CER and WER are simulated (overlay labels, all validation lines), columns/s modelled, resources estimated."
    for trial in study.front:
        yield f"Trial {trial.number}: {trial.error_rates.folder}"
    if complete:
        for trial in study.trials:
            if trial.reason is not None:
                yield f"Trial {trial.number} {trial.state}: {trial.reason}"
    if max_cer is not None:
        yield ""
        yield from _cheapest(study, max_cer)


def study_json(study: StudyResult, *, max_cer: float | None) -> dict[str, object]:
    """A study as JSON; `front` and `cheapest` are numbers of trials. For `max_cer` see `study_report`."""
    found = {
        "study": study.name,
        "storage": study.storage,
        "settings": asdict(replace(study.settings, data={})),
        "finished": len(study.finished),
        "trials": [_trial_json(trial) for trial in study.trials],
        "front": [trial.number for trial in study.front],
    }
    if max_cer is not None:
        cheapest = study.cheapest(max_cer)
        found["cheapest"] = None if cheapest is None else cheapest.number
    return found


def _counts(study: StudyResult) -> str:
    states = Counter(trial.state for trial in study.trials)
    counts = ", ".join(f"{states[state]} {state}" for state in STATES.values() if states[state])
    wanted, networks = study.settings.trials, len(study.settings.space)
    text = f"{len(study.finished)} of {min(wanted, networks)} trials finished"
    if counts:
        text += f" ({counts})"
    text += f". The Pareto front in CER and share of the board has {len(study.front)}."
    return text if wanted <= networks else f"{text} {wanted} trials are wanted, and the space has {networks} networks."


def _cells(trial: TrialResult) -> tuple[str, ...]:
    point, rates = trial.point, trial.error_rates
    return (
        str(trial.number),
        trial.choice.name,
        trial.state if point is None else str(point.folding),
        trial.state if rates is None else f"{rates.cer:.2f}",
        "" if rates is None else f"{rates.wer:.1f}",
        "" if point is None else f"{point.columns_per_second:.0f}",
        "" if point is None else f"{point.resources.luts:g}",
        "" if point is None else f"{point.resources.bram36:g}",
        "" if point is None else share_text(point),
    )


def _cheapest(study: StudyResult, max_cer: float) -> Iterator[str]:
    trial = study.cheapest(max_cer)
    if trial is not None:
        settings = study.settings
        yield (
            f"The cheapest network with a CER of at most {max_cer:g} %: trial {trial.number}, {trial.choice.name}, "
            f"{trial.point.folding}: {trial.error_rates.cer:.2f} %, {share_text(trial.point)} (estimated)."
        )
        board = settings.board if isinstance(settings.board, str) else f"{settings.on_board.name}.json"
        target = {"kernel": Kernel(settings.kernel), "board": board, "clock_mhz": settings.clock_mhz}
        yield f"  {export_command(trial.error_rates.design, trial.point, **target)}"
    elif study.front:
        best = study.front[0]
        yield (
            f"No network has a CER of at most {max_cer:g} %; the best is trial {best.number}, {best.choice.name}, with "
            f"{best.error_rates.cer:.2f} %."
        )
    else:
        yield f"No network has a CER of at most {max_cer:g} %: no trial is complete."


def _trial_json(trial: TrialResult) -> dict[str, object]:
    found = asdict(trial)
    parameters = found.pop("choice")
    point = None if trial.point is None else point_values(trial.point)
    return {**found, "network": trial.choice.name, "parameters": parameters, "point": point}
