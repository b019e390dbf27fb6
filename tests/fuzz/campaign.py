"""`Campaign`: many inputs in worker processes, a batch each. It can be interrupted; the same command goes on behind it.

STATE/batches.jsonl   a line for each finished batch
STATE/faults.jsonl    a line for each fault
STATE/inputs/         an input for each fault, a few of one place
"""

from __future__ import annotations

import faulthandler
import gc
import json
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing import connection
from pathlib import Path

from tests.fuzz.formats import Format
from tests.fuzz.judging import ACCEPTED, SECONDS, Fault, Judge, max_rss, now, used
from tests.fuzz.replay import SCRATCH, prepare

KILLED_AFTER = 12
"""Times `SECONDS` after which a worker that does not even see its alarm is killed."""

KEPT = 5
"""Inputs that are kept of faults with one place."""

MOST_ROUNDS, INPUTS_OF_A_ROUND = 50, 20_000
"""`Campaign.run` reaches its number of inputs in so many rounds, in each of which every format has a batch."""

SECONDS_PER_BATCH = 60
"""A batch ends early after so long, so that an interrupted run loses little."""

PROGRESS_SECONDS = 15
"""Between two messages on the progress."""

CORES = getattr(resource, "RLIMIT_CORE", None)


@dataclass(kw_only=True)
class Batch:
    """A number of inputs of one format, and what came of them.

    format    its name
    seed      of the inputs
    start     number of the first one
    count     inputs that were tried
    accepted  of these, how many were accepted; the others were refused, but for those with a fault
    faults    inputs with a fault
    peak      most memory of the process, in bytes
    slowest   seconds of the processor that the slowest input took
    seconds   of all
    commit    that was tested
    """

    format: str
    seed: int
    start: int
    count: int = 0
    accepted: int = 0
    faults: int = 0
    peak: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    commit: str = ""


@dataclass
class _Worker:
    process: multiprocessing.process.BaseProcess
    pipe: connection.Connection
    shared: object
    batch: Batch
    wanted: int
    scratch: Path
    ended: bool = False


@dataclass
class Campaign:
    """A run of the fuzzers.

    :param formats: by name.
    :param state: folder of the run.
    :param seed: of the inputs.
    :param jobs: worker processes at a time.
    :param log: gets messages.
    """

    formats: Mapping[str, Format]
    state: Path
    seed: int = 0
    jobs: int = 1
    log: Callable[[str], None] = print
    done: Counter[str] = field(default_factory=Counter)
    places: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        (self.state / "inputs").mkdir(parents=True, exist_ok=True)
        self._commit, self._told = commit(), now()
        for batch in read_batches(self.state):
            if batch.seed == self.seed:
                self.done[batch.format] = max(self.done[batch.format], batch.start + batch.count)

    def run(self, *, inputs: int | None, least: int, minutes: float | None) -> None:
        """Try inputs until there are so many, or until the time is over.

        :param inputs: of all formats together, those of earlier calls included; None for no limit.
        :param least: of every format, at least; only with `inputs`.
        :param minutes: of this call; None for no limit.
        """
        end = None if minutes is None else now() + 60 * minutes
        targets = self._targets(inputs, least)
        batches = min(MOST_ROUNDS, max((inputs or 0) // INPUTS_OF_A_ROUND, 1))
        for format in self.formats.values():  # before the first fork: what is compiled or imported is so once
            prepare(format)
        gc.freeze()
        workers: list[_Worker] = []
        try:
            while True:
                over = end is not None and now() > end
                while not over and len(workers) < self.jobs:
                    task = self._next_task(targets, batches, [one.batch for one in workers])
                    if task is None:
                        break
                    workers.append(self._start(*task))
                if not workers:
                    return
                connection.wait([one.pipe for one in workers], timeout=1)
                for worker in list(workers):
                    self._listen(worker)
                    if worker.ended:
                        workers.remove(worker)
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()
                shutil.rmtree(worker.scratch, ignore_errors=True)

    def _targets(self, inputs: int | None, least: int) -> dict[str, int] | None:
        if inputs is None:
            return None
        weights = {name: format.weight for name, format in self.formats.items()}
        wanted = {name: max(least, -(-inputs * weight // sum(weights.values()))) for name, weight in weights.items()}
        return {name: min(count, self.formats[name].most or count) for name, count in wanted.items()}

    def _next_task(
        self, targets: dict[str, int] | None, batches: int, running: Sequence[Batch]
    ) -> tuple[str, int, int] | None:
        """Name, first number and count of the next batch: of the format that is least far."""
        busy = {one.format for one in running}
        left = {}
        for name, format in self.formats.items():
            whole = format.weight * 100 * batches if targets is None else targets[name]
            if name not in busy and (targets is None or self.done[name] < whole):
                left[name] = self.done[name] / whole
        if not left:
            return None
        name = min(left, key=left.get)
        if targets is None:
            return name, self.done[name], self.formats[name].weight * 100
        count = min(-(-targets[name] // batches), targets[name] - self.done[name])
        return name, self.done[name], count

    def _start(self, name: str, start: int, count: int) -> _Worker:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        shared = context.RawArray("d", 4)  # number, time of its start, accepted, inputs with a fault
        shared[0], shared[1] = start, now()
        scratch = Path(tempfile.mkdtemp(prefix="foldline-fuzz-", dir=SCRATCH))
        batch = Batch(format=name, seed=self.seed, start=start, commit=self._commit)
        arguments = (self.formats[name], self.seed, start, count, scratch, theirs, shared)
        process = context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours, shared, batch, count, scratch)

    def _listen(self, worker: _Worker) -> None:
        """Take what a worker has sent; end it where it hangs, and go on behind the input that ended it."""
        batch, shared = worker.batch, worker.shared
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                kind, *content = worker.pipe.recv()
                if kind == "fault":
                    self._keep(batch.format, *content)
                else:
                    for name, value in content[0].items():
                        setattr(batch, name, value)
                    worker.ended = True
        if not worker.ended and worker.process.is_alive() and now() - shared[1] < KILLED_AFTER * SECONDS + 60:
            return
        if not worker.ended:
            hangs = worker.process.is_alive()
            worker.process.kill()
            worker.process.join()
            number, kind = int(shared[0]), "hang" if hangs else "crash"
            output = _tail(worker.scratch / "output")
            self._keep(batch.format, number, Fault(kind, f"exit {worker.process.exitcode}", output))
            batch.count, batch.accepted = number - batch.start + 1, int(shared[2])
            batch.faults, worker.ended = int(shared[3]) + 1, True
        worker.process.join()
        shutil.rmtree(worker.scratch, ignore_errors=True)
        self.done[batch.format] = batch.start + batch.count
        with (self.state / "batches.jsonl").open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(asdict(batch)) + "\n")
        self._tell()

    def _tell(self) -> None:
        """A message on the progress, from time to time."""
        if now() - self._told < PROGRESS_SECONDS:
            return
        self._told = now()
        rarest = min(self.formats, key=lambda name: self.done[name])
        self.log(
            f"{self.done.total()} inputs, {sum(self.places.values())} faults of {len(self.places)} kinds; the fewest, "
            f"{self.done[rarest]}, of {rarest}"
        )

    def _keep(self, name: str, number: int, fault: Fault) -> None:
        """Write a fault down, and the input that has it."""
        place = (name, fault.kind, fault.place)
        self.places[place] += 1
        entry = {"format": name, "seed": self.seed, "number": number, "commit": self._commit, **asdict(fault)}
        if self.places[place] <= 100:
            with (self.state / "faults.jsonl").open("a", encoding="utf-8") as handle:
                handle.write(json.dumps(entry) + "\n")
        if self.places[place] <= KEPT:
            path = self.state / "inputs" / f"{name}-{fault.kind}-{self.seed}-{number}"
            path.write_bytes(self.formats[name].mutant(self.seed, number))
            self.log(f"{fault.kind.upper()} {name} --seed {self.seed} --number {number}: {fault.place}")


def _work(
    format: Format, seed: int, start: int, count: int, scratch: Path, pipe: connection.Connection, shared
) -> None:
    """Try a batch; in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if CORES is not None:
        resource.setrlimit(CORES, (0, 0))
    output = os.open(scratch / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    faulthandler.enable(file=2)
    (scratch / "folder").mkdir()
    os.chdir(scratch / "folder")
    judge = Judge(scratch / "folder")
    begun = now()
    result = {"count": 0, "accepted": 0, "faults": 0, "slowest": 0.0}
    kept: dict[int, object] = {}
    for number in range(start, start + count):
        data = format.mutant(seed, number)
        shared[0], shared[1] = number, now()
        before = used()
        outcome, found, faults = judge.verdict(format, data)
        result["slowest"] = max(result["slowest"], used() - before)
        result["count"] += 1
        result["accepted"] += outcome == ACCEPTED
        result["faults"] += bool(faults)
        shared[2], shared[3] = result["accepted"], result["faults"]
        for fault in faults:
            pipe.send(("fault", number, fault))
        if found is not None and not faults:
            kept[number] = found
        if judge.is_full or now() - begun > SECONDS_PER_BATCH:
            break
    if format.finish is not None and kept:
        for number, text in format.finish(kept, scratch / "folder").items():
            result["faults"] += 1
            pipe.send(("fault", number, Fault("meaning", text.partition(":")[0][:80], text[:4000])))
    pipe.send(("done", {**result, "peak": max_rss(), "seconds": now() - begun}))
    pipe.close()
    os._exit(0)


def _tail(path: Path) -> str:
    with suppress(OSError):
        return path.read_bytes()[-3000:].decode("utf-8", "replace")
    return ""


def read_batches(state: Path) -> list[Batch]:
    """The finished batches of a run; a line that was cut off counts as not there.

    :param state: folder of the run.
    """
    found = []
    with suppress(FileNotFoundError):
        for line in (state / "batches.jsonl").read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, TypeError):
                found.append(Batch(**json.loads(line)))
    return found


def table(state: Path) -> Iterator[str]:
    """The figures of a run by format, as a table in Markdown, and their sum.

    :param state: folder of the run.
    """
    yield "| format | inputs | accepted | refused | faults | slowest, s | peak, MB | seconds | commit |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    by_format: dict[str, list[Batch]] = {}
    for batch in read_batches(state):
        by_format.setdefault(batch.format, []).append(batch)
    whole = [batch for found in by_format.values() for batch in found]
    for name, found in [*sorted(by_format.items()), ("all", whole)]:
        count, accepted = sum(one.count for one in found), sum(one.accepted for one in found)
        commits = ", ".join(dict.fromkeys(one.commit for one in found))
        yield (
            f"| {name} | {count} | {accepted} ({100 * accepted / max(count, 1):.1f} %) | {count - accepted} "
            f"| {sum(one.faults for one in found)} "
            f"| {max((one.slowest for one in found), default=0):.2f} | {max((one.peak for one in found), default=0) >> 20} "
            f"| {sum(one.seconds for one in found):.0f} | {commits} |"
        )


def commit() -> str:
    """The commit that is tested, with a plus sign where files differ from it; empty outside a repository."""
    with suppress(OSError, subprocess.CalledProcessError):
        command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return ""
