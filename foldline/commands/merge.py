"""`foldline merge`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge")
@click.argument("shards", metavar="SHARD.jsonl...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="File to write.")
def command(shards: tuple[Path, ...], output: Path) -> None:
    """Put the shards of `foldline simulate --shard` together, in any order: the same bytes as one run.

    All shards of the run must be there, finished, and each once.
    """
    from foldline.batch.merging import merge_shards

    merged = merge_shards(shards, output)
    failed = f", {merged.failed} of them failed" if merged.failed else ""
    click.echo(f"{output}: {merged.lines} lines of {len(shards)} shards{failed}")
