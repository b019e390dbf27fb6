"""Results of lines as JSON, and the header of a results file that is not finished.

A results file holds one object per input line, `{"name", "text", "labels", "columns", "exceeded"}`, of `rtlsim` also
`{"cycles", "cycles_per_column"}`, or `{"name", "error"}` for a line that failed. An unfinished file begins with a `Header`, which alone has the key
`foldline`. See docs/decisions/0006-results-files.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from datapath.alphabet import greedy_labels
from datapath.design import Design
from datapath.errors import FoldlineError
from datapath.quoting import json_line, quoted
from fixedpoint_sim.trace import ExceededLimit, LineCycles, Trace

FORMAT_VERSION = 5
"""Version of the header; a file of another version is refused."""

KIND = "results"


@dataclass(frozen=True, kw_only=True)
class SimulatedLine:
    """What results files and comparisons need of a line's trace.

    text       symbols of the labels
    labels     emitted labels, at most the overlay's limit
    greedy     labels by greedy CTC
    columns    columns of the line
    exceeded   limits of the overlay that the line exceeds
    mismatch   first difference of a simulation of the hardware from the simulator; empty if there is none
    cycles     of the line in the RTL simulation; None where another simulation computed it
    """

    text: str
    labels: tuple[int, ...]
    greedy: tuple[int, ...]
    columns: int
    exceeded: tuple[ExceededLimit, ...]
    mismatch: str
    cycles: LineCycles | None = None

    @classmethod
    def of(cls, trace: Trace) -> SimulatedLine:
        return cls(
            text=trace.text,
            labels=tuple(trace.labels.tolist()),
            greedy=tuple(greedy_labels(trace.scores).tolist()),
            columns=len(trace.scores),
            exceeded=trace.exceeded,
            mismatch=trace.mismatch,
            cycles=trace.cycles,
        )


def result_json(name: str, result: SimulatedLine | FoldlineError) -> str:
    """One line's object as text; the same result gives the same text.

    >>> result_json("a.png", FoldlineError("a.png is not an image."))
    '{"name": "a.png", "error": "a.png is not an image."}'
    """
    if isinstance(result, FoldlineError):
        return json_line({"name": name, "error": str(result)})
    exceeded = [{"limit": limit.name, "actual": limit.actual, "allowed": limit.allowed} for limit in result.exceeded]
    line = {key: getattr(result, key) for key in ("text", "labels", "columns")}
    cycles = {}
    if result.cycles is not None:
        per_column = {"steady": result.cycles.steady, "line": result.cycles.line / result.columns}
        cycles = {"cycles": result.cycles.line, "cycles_per_column": per_column}
    return json_line({"name": name, **line, "exceeded": exceeded, **cycles})


def result_entry(line: bytes) -> dict | None:
    """The object on one line of a results file; None where a key or a type is not as `result_json` writes it.

    :param line: of the file, with or without its line end.
    """
    entry = _object(line)
    cycles = {"cycles": int, "cycles_per_column": {"steady": int, "line": float}}
    return entry if any(_fits(entry, types) for types in (_FAILED, _COMPUTED, _COMPUTED | cycles)) else None


_FAILED = {"name": str, "error": str}
_COMPUTED = {
    "name": str,
    "text": str,
    "labels": [int],
    "columns": int,
    "exceeded": [{"limit": str, "actual": int, "allowed": str}],
}


def _fits(value: object, types: object) -> bool:
    """Whether a value of JSON is of a type, a list of values of one, or an object of exactly these keys and types."""
    if isinstance(types, dict):
        return (
            isinstance(value, dict)
            and value.keys() == types.keys()
            and all(_fits(value[key], types[key]) for key in types)
        )
    if isinstance(types, list):
        return isinstance(value, list) and all(_fits(one, types[0]) for one in value)
    return type(value) is types


def _object(line: bytes) -> dict:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Header:
    """First line of an unfinished results file: what decides the results of the same inputs.

    design         digest of the network; of `rtlsim` with the folding, which decides the cycles
    ignore_limits  whether lines that exceed a limit of the overlay are computed
    pixels         digest of the raw pixels; empty for images, which are identified by their names alone
    command        that computes the lines: simulate, csim or rtlsim
    """

    design: str
    ignore_limits: bool
    pixels: str
    command: str

    @classmethod
    def of(cls, design: Design, *, ignore_limits: bool, pixels: str, command: str = "simulate") -> Header:
        """The header for a design."""
        digest = design.digest(folding=command == "rtlsim")
        return cls(design=digest, ignore_limits=ignore_limits, pixels=pixels, command=command)

    def _entry(self) -> dict:
        return {"foldline": KIND, "version": FORMAT_VERSION, **asdict(self)}

    def line(self) -> bytes:
        """The header as it stands in the file."""
        return json_line(self._entry()).encode() + b"\n"

    def difference(self, line: bytes) -> str:
        """Why another file's first line is not this header, in the words of a message."""
        entry, found = self._entry(), _object(line)
        version = found.get("version")
        if found.get("foldline") == KIND and type(version) is int and version != FORMAT_VERSION:
            return (
                f"it is in version {quoted(version)} of its format, and this Foldline writes version {FORMAT_VERSION}; the "
                "Foldline that began it can finish it"
            )
        if found.keys() != entry.keys() or any(found[key] != entry[key] for key in ("foldline", "version")):
            return "its first line is not that of an unfinished run"
        names = {
            "command": "the command (simulate, csim or rtlsim)",
            "design": "the design or its folding" if self.command == "rtlsim" else "the design",
            "ignore_limits": "--ignore-limits",
            "pixels": "the pixels file",
        }
        return f"{next((name for key, name in names.items() if found[key] != entry[key]), '')} differs"
