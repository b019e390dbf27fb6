"""``python -m tests.faults --kills 200 --seed 0``: kill all commands in turn, and print what that did.

An interrupted run goes on where it stopped, from its ``--log``.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from pathlib import Path

import click

from foldline.console.text import counted
from tests.faults.campaign import Campaign
from tests.faults.commands import COMMANDS, can_run

FAULTS = ("stuck", "lost", "left", "missing", "differs", "failed", "not whole")
"""Columns of the table: words that the sentences on faults have."""


@click.command()
@click.option("--kills", default=200, show_default=True, help="Kills in all; a command that had ended does not count.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--log", type=Path, help="File of results, one JSON object per kill; those that it has are not repeated.")
@click.option("--only", type=click.Choice(list(COMMANDS)), multiple=True, help="Commands [default: all].")
def main(kills: int, seed: int, log: Path | None, only: tuple[str, ...]) -> None:
    """Kill foldline's commands at random moments, run each again, and compare with an undisturbed run."""
    done = [json.loads(line) for line in log.read_text().splitlines()] if log and log.exists() else []
    commands = [COMMANDS[name] for name in only or COMMANDS if can_run(COMMANDS[name])]
    with tempfile.TemporaryDirectory(prefix="foldline-faults-") as folder:
        campaign = Campaign(Path(folder))
        attempt = len(done)
        while sum(one["killed"] for one in done) < kills:
            command = commands[attempt % len(commands)]
            choose = random.Random(f"{seed} {attempt}")
            # Some next runs are killed, too.
            moments = [campaign.moment(command, choose) for _ in range(choose.choice((1, 1, 2)))]
            result = campaign.kill(command, *moments)
            attempt += 1
            tried = ", then ".join(map(str, moments))
            done.append({"command": command.name, "moments": tried, "killed": result.killed, "faults": result.faults})
            if log:
                with log.open("a") as file:
                    file.write(f"{json.dumps(done[-1])}\n")
            what = "; ".join(result.faults) or f"as undisturbed after {counted(result.killed, 'kill')}"
            click.echo(f"{sum(one['killed'] for one in done):4} {command.name}, {tried}: {what}")
    _show(done)


def _show(done: list[dict]) -> None:
    """Print a table in Markdown: kills and faults of each command."""
    killed: Counter[str] = Counter()
    for one in done:
        killed[one["command"]] += one["killed"]
    faults = Counter(
        (one["command"], word) for one in done for word in FAULTS if any(word in text for text in one["faults"])
    )
    click.echo(f"| command | kills | {' | '.join(FAULTS)} |\n| --- |{' ---: |' * (len(FAULTS) + 1)}")
    for name in [*(name for name in COMMANDS if killed[name]), "all"]:
        count = killed[name] if name in COMMANDS else killed.total()
        cells = [
            faults[name, word] if name in COMMANDS else sum(faults[one, word] for one in COMMANDS) for word in FAULTS
        ]
        click.echo(f"| {name} | {count} | {' | '.join(map(str, cells))} |")
    if any(one["faults"] for one in done):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
