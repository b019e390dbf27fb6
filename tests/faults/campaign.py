"""Kill a command, run it again to its end, and compare that with a run that nothing disturbed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.faults.commands import Command, Inputs, names, tree
from tests.faults.killing import Ended, Kill, run


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
    """

    command: str
    moments: tuple[Kill, ...]
    killed: int = 0
    faults: list[str] = field(default_factory=list)


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
    def _work(self) -> Iterator[Path]:
        self._number += 1
        work = self._folder / f"work-{self._number}"
        (work / "tmp").mkdir(parents=True)
        try:
            yield work
        finally:
            shutil.rmtree(work)

    def run(self, command: Command, work: Path, kill: Kill | None = None) -> Ended:
        """Run a command in its folder, or begin it there."""
        cache = (work if command.own_cache else self._folder) / "cache"
        arguments = [str(one) for one in command.arguments(self.inputs, work)]
        return run(arguments, work, cache, kill=kill)

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

    def operation(self, command: Command, choose: random.Random) -> Kill:
        """Before one of a command's file operations."""
        return Kill(operation=choose.randint(1, len(self.undisturbed(command).ended.operations)))

    def moment(self, command: Command, choose: random.Random) -> Kill:
        """A moment of a command: before one of its file operations, or any."""
        if choose.random() < 0.5:
            return self.operation(command, choose)
        return Kill(seconds=choose.uniform(0, self.undisturbed(command).ended.seconds))

    def kill(self, command: Command, *moments: Kill) -> Result:
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
                try:
                    done = command.done(work, ended, self.inputs)
                except AssertionError as error:
                    result.faults.append(f"lost: {error}")
            else:
                ended = self.run(command, work)
            result.faults += self.compared(command, work, done, ended)
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
