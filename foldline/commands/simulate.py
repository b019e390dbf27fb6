"""`foldline simulate`."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("simulate")
@click.argument("design_path", metavar="DESIGN.npz", type=click.Path(path_type=Path))
@click.argument("images", metavar="[IMAGE...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--pixels", type=click.Path(path_type=Path), help="Raw pixels instead: .npz with pixels_0, ... [T, I].")
@click.option("--trace", type=click.Path(path_type=Path), help="Write hidden words, scores and labels to this .npz.")
@click.option("--beyond-limits", is_flag=True, help="Compute lines that the overlay cannot take, and say so.")
@click.option("--threads", type=click.IntRange(min=1), help="Worker threads; default: one per processor.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line of text.")
def command(
    design_path: Path,
    images: tuple[Path, ...],
    pixels: Path | None,
    trace: Path | None,
    beyond_limits: bool,
    threads: int | None,
    as_json: bool,
) -> None:
    """Compute lines on the fixed-point datapath of DESIGN, bit for bit as the board does.

    Prints one line per IMAGE: name, text, and any limit of the overlay that it exceeds. An IMAGE may be a folder. A
    line that fails is reported on stderr, the others are still computed, and the exit status is 1.
    """
    from datapath.design import Design
    from datapath.errors import FoldlineError
    from fixedpoint_sim import Trace, save_traces
    from foldline.inputs import image_inputs, pixel_inputs
    from foldline.simulation import simulate_inputs

    if bool(images) == (pixels is not None):
        raise click.UsageError("Give images, or --pixels FILE.npz, and not both.")
    design = Design.load(design_path)
    inputs = image_inputs(images) if pixels is None else pixel_inputs(pixels)
    traces: list[Trace] = []
    failed = 0
    results = simulate_inputs(design, inputs, beyond_limits=beyond_limits, threads=threads)
    for line, result in zip(inputs, results, strict=True):
        if isinstance(result, FoldlineError):
            if len(inputs) == 1:
                raise result
            failed += 1
            click.echo(f"Error: {result}", err=True)
            continue
        if trace is not None:
            traces.append(result)
        click.echo(_as_json(line.name, result) if as_json else _as_text(line.name, result))
    if failed:
        kept = f" No trace was written to {trace}." if trace else ""
        raise click.ClickException(f"{failed} of {len(inputs)} lines failed.{kept}")
    if trace is not None:
        save_traces(trace, traces, design.alphabet)


def _as_text(name: str, trace) -> str:
    past = "".join(f"\tbeyond the overlay: {limit}" for limit in trace.exceeded)
    return f"{name}\t{trace.text}{past}"


def _as_json(name: str, trace) -> str:
    return json.dumps(
        {
            "name": name,
            "text": trace.text,
            "labels": trace.labels.tolist(),
            "columns": len(trace.scores),
            "exceeded": [
                {"limit": limit.name, "actual": limit.actual, "allowed": limit.allowed} for limit in trace.exceeded
            ],
        },
        ensure_ascii=False,
    )
