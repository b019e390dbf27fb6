"""The foldings of a network as text and as JSON. Rates are modelled and resources estimated; the output says so."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict

from datapath.errors import ConfigError
from datapath.manifest import Kernel
from foldline.console.text import counted, plain_table
from foldline.foldings.enumeration import FoldingFront, FoldingPoint, point_values, published_point, share_text
from foldline.hardware.estimate import RESOURCE_TITLES

HEADINGS = ("PE", "SIMD_INPUT", "SIMD_RECURRENT", "PE_OUT", "columns/s", *RESOURCE_TITLES.values(), "share", "")


def folding_report(
    front: FoldingFront, *, source: str, rate: float | None, complete: bool, options: Mapping[str, object] | None = None
) -> Iterator[str]:
    """The front of a network as lines of text.

    :param source: file from which `foldline export` exports the network.
    :param rate: columns/s for which the cheapest folding is named; None names none.
    :param complete: show the complete front; otherwise the front in columns/s and the share of the scarcest resource, and
        the published folding if it is on the complete front.
    :param options: more options of the command that exports the network, with their values; None for none.
    """
    published = published_point(front)
    named = None if published is None else published.point.folding
    like = " as yosys counts them" if front.kernel is Kernel.RTL else ""
    if front.refit:
        like = f", LUT and FF refitted to {counted(len(front.refit.projects), 'built project')}"
    shown = {named, *(point.folding for point in (front.points if complete else front.compact))}
    points = [point for point in front.points if point.folding in shown]
    yield (
        f"{front.architecture.experiment}, {front.kernel.value} kernel on {front.board.title} at {front.clock_mhz:g} MHz, "
        f"lines of {front.columns} columns; columns/s are modelled, resources estimated{like}."
    )
    yield from front.refit.notes(front.board, front.clock_mhz) if front.refit else ()
    yield _counts(front, complete=complete)
    if points:
        yield ""
        rows = [(*_cells(point), "published" if point.folding == named else "") for point in points]
        yield from plain_table([HEADINGS, *rows], text_columns=0)
    if published is not None:
        yield ""
        point, better = published.point, published.better
        what = f"The published {published.name} folding, {point.folding},"
        if published.on_front:
            yield f"{what} is on the front."
        elif better is not None:
            faster = f"{better.columns_per_second:.0f} columns/s for {point.columns_per_second:.0f}"
            yield f"{what} is beaten by {better.folding}: {faster}, and no more of any resource."
        else:
            yield f"{what} does not fit {front.board.title}, by the estimate: it needs {share_text(point)}."
    if rate is not None:
        yield ""
        yield from _cheapest(front, rate, source, options or {})


def folding_json(front: FoldingFront, *, source: str, rate: float | None) -> dict[str, object]:
    """The complete front as JSON; the parameters are those of `folding_report`."""
    found = {
        "source": source,
        "experiment": str(front.architecture.experiment),
        "board": front.board.name,
        "kernel": front.kernel.value,
        "clock_mhz": front.clock_mhz,
        "columns": front.columns,
        "enumerated": front.enumerated,
        "too_large": front.too_large,
        "front": [point_values(point) for point in front.points],
        "published": None,
        "refitted_to": [str(project.folder) for project in front.refit.projects] if front.refit else [],
    }
    if (published := published_point(front)) is not None:
        better = None if published.better is None else point_values(published.better)
        point, on_front = point_values(published.point), published.on_front
        found["published"] = {"name": published.name, "point": point, "on_front": on_front, "better": better}
    if rate is not None:
        try:
            found["cheapest"], found["unreachable"] = point_values(front.cheapest(rate)), None
        except ConfigError as error:
            found["cheapest"], found["unreachable"] = None, str(error)
    return found


def _cells(point: FoldingPoint) -> tuple[str, ...]:
    return (
        *(str(number) for number in asdict(point.folding).values()),
        f"{point.columns_per_second:.0f}",
        *(f"{getattr(point.resources, name):g}" for name in RESOURCE_TITLES),
        share_text(point),
    )


def export_command(
    source: str,
    point: FoldingPoint,
    *,
    kernel: Kernel,
    board: str,
    clock_mhz: float,
    options: Mapping[str, object] | None = None,
) -> str:
    """The command that exports a network at a folding: a project for one of our kernels, a header for the published one.

    :param source: file of the network.
    :param board: its name, or the path of its file.
    :param options: more options with their values; None for none.
    """
    named = {f"--{name.replace('_', '-')}": value for name, value in asdict(point.folding).items()} | (options or {})
    folding = [str(text) for option in named.items() for text in option]
    if kernel is Kernel.PUBLISHED:
        target = ["-o", "network.hpp"]
    else:
        target = ["--project", "project", "--kernel", kernel.value, "--board", board, "--clock-mhz", f"{clock_mhz:g}"]
    return shlex.join(["foldline", "export", source, *target, *folding])


def _counts(front: FoldingFront, *, complete: bool) -> str:
    text = f"{front.enumerated} foldings"
    if front.too_large:
        most = ", ".join(
            f"{front.too_large[name]} of {title}" for name, title in RESOURCE_TITLES.items() if name in front.too_large
        )
        text += f", of which {sum(front.too_large.values())} need more than the board has ({most})"
    text += f". The Pareto front in columns/s and all resources has {len(front.points)}"
    if not complete and len(front.compact) < len(front.points):
        text += f", the front in columns/s and the scarcest resource {len(front.compact)}"
    return f"{text}."


def _cheapest(front: FoldingFront, rate: float, source: str, options: Mapping[str, object]) -> Iterator[str]:
    try:
        point = front.cheapest(rate)
    except ConfigError as error:
        yield f"Not reached: {error}"
        return
    yield (
        f"The cheapest folding with {rate:.10g} columns/s or more: {point.folding}, "
        f"{point.columns_per_second:.0f} columns/s (modelled), {share_text(point)} (estimated)."
    )
    target = {"kernel": front.kernel, "board": front.board.option, "clock_mhz": front.clock_mhz}
    yield f"  {export_command(source, point, **target, options=options)}"
