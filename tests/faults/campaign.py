"""Kill a command, run it again to its end, and compare that with a run that nothing disturbed."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.faults.commands import Command, Inputs, names, tree
from tests.faults.killing import FILLER, Ended, Moment, run

DISK = "64m"
"""Size of a disk that is filled: no command needs more, and to fill it takes no time."""

ONE_SENTENCE = r"Error: .*(Cannot (write|make the folder|read|use) \S*\w|storage \S*\w|set TMPDIR).*\.$"
"""The end of a command whose disk is full, or whose files are gone."""


@dataclass(frozen=True, kw_only=True)
class Undisturbed:
    """A run to its end: how it ended, and what it left."""

    ended: Ended
    facts: object
    names: set[str]
    tree: dict[str, bytes]


@dataclass(kw_only=True)
class Result:
    """What kills in a row did to a command.

    moments  of the kills that were tried
    killed   how many came before the end
    faults   a sentence each
    said     what the command that failed printed
    """

    command: str
    moments: tuple[Moment, ...]
    killed: int = 0
    said: str = ""
    faults: list[str] = field(default_factory=list)


def can_mount() -> bool:
    """Whether this process may make a disk of its own."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("mount") is not None


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small disk at a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def wrong_end(ended: Ended) -> Iterator[str]:
    """A sentence on each way in which a command that failed did not end with one sentence that names a file."""
    lines = ended.said.splitlines()
    if ended.status is None:
        yield f"stuck: {ended.said}"
    elif ended.status != 1 or "Traceback" in ended.said or not (lines and re.match(ONE_SENTENCE, lines[-1])):
        yield f"ended with {ended.status}: {ended.said}"


class Campaign:
    """Kills of all commands, with their inputs and working folders in one folder.

    :param folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._undisturbed: dict[str, Undisturbed] = {}
        self._number = 0

    @cached_property
    def inputs(self) -> Inputs:
        return Inputs.write(self._folder / "inputs")

    @contextmanager
    def _work(self, *, disk: bool = False) -> Iterator[Path]:
        """A new working folder; `disk`: one that can be filled."""
        self._number += 1
        work = self._folder / f"work-{self._number}"
        work.mkdir()
        with mounted(work) if disk else nullcontext():
            (work / "tmp").mkdir()
            yield work
        shutil.rmtree(work)

    def run(self, command: Command, work: Path, moment: Moment | None = None) -> Ended:
        """Run a command in its folder, or begin it there."""
        cache = (work if command.own_cache else self._folder) / "cache"
        arguments = [str(one) for one in command.arguments(self.inputs, work)]
        return run(arguments, work, cache, moment=moment)

    def undisturbed(self, command: Command) -> Undisturbed:
        """The run with which the others of a command are compared."""
        if command.name not in self._undisturbed:
            if command.compiles and not command.own_cache:  # once for all, and not measured
                with self._work() as work:
                    self.run(command, work)
            with self._work() as work:
                ended = self.run(command, work)
                assert ended.status == 0, f"{command.name}: {ended.said}"
                found = {"facts": command.facts(work), "names": names(work), "tree": tree(work)}
            self._undisturbed[command.name] = Undisturbed(ended=ended, **found)
        return self._undisturbed[command.name]

    def at(self, command: Command, kind: str, name: str, *, last: bool = False) -> Moment:
        """Before the first, or last, file operation of a kind on a path that has `name` in it."""
        operations = self.undisturbed(command).ended.operations
        found = [number for number, (one, path) in enumerate(operations, start=1) if one == kind and name in path]
        return Moment(operation=found[-1 if last else 0])

    def operation(self, command: Command, choose: random.Random) -> Moment:
        """Before one of a command's file operations."""
        return Moment(operation=choose.randint(1, len(self.undisturbed(command).ended.operations)))

    def moment(self, command: Command, choose: random.Random) -> Moment:
        """A moment of a command: before one of its file operations, or any."""
        if choose.random() < 0.5:
            return self.operation(command, choose)
        return Moment(seconds=choose.uniform(0, self.undisturbed(command).ended.seconds))

    def kill(self, command: Command, *moments: Moment) -> Result:
        """Kill a command at a moment, and the next run at the next one; run it again to its end, and compare."""
        result = Result(command=command.name, moments=moments)
        with self._work() as work:
            done = None
            for moment in moments:
                ended = self.run(command, work, moment)
                if not ended.killed:
                    break
                result.killed += 1
                result.faults += self._damaged(command, work)
                if done is not None and (lost := command.lost(done, ended, self.inputs)):
                    result.faults.append(f"lost: {lost}")
                try:
                    done = command.done(work, ended, self.inputs)
                except AssertionError as error:
                    result.faults.append(f"lost: {error}")
            else:
                ended = self.run(command, work)
            result.faults += self.compared(command, work, done, ended)
        return result

    def fail(self, command: Command, moment: Moment) -> Result:
        """Fill the disk of a command or remove its files at a moment, end that, run it again to its end, and compare.

        :returns: `killed` is 1 if the command failed, with the sentence that it must.
        """
        with self._work(disk=True) as work:
            ended = self.run(command, work, moment)
            (work / FILLER).unlink(missing_ok=True)
            if ended.status == 0 and tree(work) == {}:  # it had done all when it was removed
                ended = self.run(command, work)
            return self._failed(command, moment, work, ended)

    def read_only(self, command: Command) -> Result:
        """Run a command on a disk that cannot be written to, end that, run it again, and compare; see `fail`."""
        with self._work(disk=True) as work:
            subprocess.run(["mount", "-o", "remount,ro", work], check=True)
            try:
                ended = self.run(command, work)
            finally:
                subprocess.run(["mount", "-o", "remount,rw", work], check=True)
            return self._failed(command, Moment(), work, ended)

    def _failed(self, command: Command, moment: Moment, work: Path, ended: Ended) -> Result:
        result = Result(command=command.name, moments=(moment,), said=ended.said)
        if ended.status != 0:
            result.killed = 1
            result.faults += wrong_end(ended)
            result.faults += self._damaged(command, work)
            ended = self.run(command, work)
        result.faults += self.compared(command, work, None, ended)
        return result

    def _damaged(self, command: Command, work: Path) -> Iterator[str]:
        """A sentence on each file that a kill left half written."""
        whole = self.undisturbed(command).tree
        for name, content in tree(work).items() if command.atomic else ():
            if name in whole and content != whole[name]:
                yield f"{name} was not whole after the kill"

    def compared(self, command: Command, work: Path, done: object, again: Ended) -> Iterator[str]:
        """A sentence on each difference between a command that was killed and run again, and an undisturbed run.

        :param command: that was killed.
        :param work: its folder.
        :param done: see `Command.done`.
        :param again: how the second run ended.
        """
        whole = self.undisturbed(command)
        if again.status is None:
            yield f"stuck: {again.said}"
        elif again.status != 0:
            yield f"the next run failed with {again.status}: {again.said}"
        else:
            if done is not None and (lost := command.lost(done, again, self.inputs)):
                yield f"lost: {lost}"
            left, missing = names(work) - whole.names, whole.names - names(work)
            if left:
                yield f"left: {', '.join(sorted(left))}"
            if missing:
                yield f"missing: {', '.join(sorted(missing))}"
            if not (left or missing) and command.facts(work) != whole.facts:
                yield "the result differs from that of an undisturbed run"
