"""`PlainConsole`: rich's console for texts of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from datapath.quoting import displayed


class PlainConsole(Console):
    """A console on which no text commands the terminal, or is read as markup.

    :param width: characters of a line; None for those of the terminal.
    :param stderr: print on stderr.
    """

    def __init__(self, *, width: int | None = None, stderr: bool = False) -> None:
        super().__init__(width=width, stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string that rich prints, escaped before its width is measured; see `Console.render_str`."""
        return super().render_str(displayed(text, lines=True), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of anything that rich prints; those with a text are escaped, see `datapath.quoting.displayed`."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(displayed(segment.text, lines=True), segment.style)
