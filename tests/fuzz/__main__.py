"""The command of the fuzzers: see `make fuzz`, and docs/robustness.md."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz.formats import all_formats


def main() -> int:
    """Replay the corpus, then try mutants; 1 where an input has a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, help="try mutants for so long")
    parser.add_argument("--inputs", type=int, help="try so many mutants of all formats together")
    parser.add_argument("--least", type=int, default=0, help="mutants of every format at least, with --inputs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time; all cores by default")
    parser.add_argument("--seed", type=int, default=0, help="of the mutants")
    parser.add_argument("--only", help="formats, separated by commas")
    parser.add_argument("--number", type=int, help="try one mutant of one format, and show what comes of it")
    parser.add_argument("--file", type=Path, help="try a file as an input of one format")
    parser.add_argument("--save", type=Path, help="write the mutant of --number into a file")
    parser.add_argument("--state", type=Path, help="folder of the run, to go on with; a new one by default")
    parser.add_argument("--report", action="store_true", help="print the figures of the run in --state")
    parser.add_argument("--no-corpus", action="store_true", help="do not replay the corpus first")
    chosen = parser.parse_args()
    from tests.fuzz import campaign

    if chosen.report:
        print(*campaign.table(chosen.state), sep="\n")
        return 0
    formats = all_formats()
    if chosen.only:
        formats = {name: formats[name] for name in chosen.only.split(",")}
    if chosen.number is not None or chosen.file is not None:
        return _one(formats, chosen)
    faulty = 0 if chosen.no_corpus else _replay(formats)
    with tempfile.TemporaryDirectory(prefix="foldline-fuzz-") as temporary:
        run = campaign.Campaign(formats, chosen.state or Path(temporary), seed=chosen.seed, jobs=chosen.jobs, log=_log)
        if chosen.inputs or chosen.minutes:
            run.run(inputs=chosen.inputs, least=chosen.least, minutes=chosen.minutes)
            print(*campaign.table(run.state), sep="\n")
        faulty += sum(run.places.values())
    return 1 if faulty else 0


def _log(text: str) -> None:
    print(text, flush=True)


def _replay(formats: dict) -> int:
    """The number of inputs of the corpus that have a fault."""
    from tests.fuzz.replay import replay

    faulty = 0
    for path, faults in replay(formats):
        faulty += bool(faults)
        for fault in faults:
            _log(f"{fault.kind.upper()} {path}: {fault.place}\n{fault.detail}")
    return faulty


def _one(formats: dict, chosen: argparse.Namespace) -> int:
    from tests.fuzz.replay import outcome_of, prepare

    (format,) = formats.values()
    data = chosen.file.read_bytes() if chosen.file else format.mutant(chosen.seed, chosen.number)
    if chosen.save:
        chosen.save.write_bytes(data)
    prepare(format)
    outcome, faults = outcome_of(format, data)
    print(f"{len(data)} bytes: {data[:600]!r}")
    print(outcome)
    for fault in faults:
        print(f"{fault.kind.upper()} {fault.place}\n{fault.detail}")
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("Interrupted; with the same --state, the next run goes on behind the last batch.")
