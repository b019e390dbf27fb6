"""What is written while the site is built: the page of the command line, and the list of decisions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from foldline.cli import main


class MarkdownFormatter(click.HelpFormatter):
    """Writes the sections of a help page as definition lists.

    :param links: places on the page by name of a command.
    """

    def __init__(self, links: dict[str, str]) -> None:
        super().__init__(width=1000)  # a help text of that length is not cut
        self.links = links

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """:param name: heading of what is written within."""
        self.write(f"\n**{name}**\n")
        yield

    def write_dl(self, rows: Iterable[tuple[str, str]], *_: Any, **__: Any) -> None:
        """:param rows: option or command, and its help."""
        for name, text in rows:
            term = f"[`{name}`](#{self.links[name]})" if name in self.links else f"`{name}`"
            self.write(f"\n{term}\n:   {text.replace('<', '&lt;')}\n")


def on_config(config: Any) -> None:
    """Put every decision behind the page that introduces them, the last entry of the navigation."""
    (introduction,) = config.nav[-1].values()
    introduction += [f"decisions/{path.name}" for path in sorted(Path(config.docs_dir, "decisions").glob("0*.md"))]


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Append every command to the page ``cli.md``; mkdocs calls this for each page."""
    return markdown + "".join(_described("foldline", main, None)) if page.file.src_uri == "cli.md" else markdown


def _described(name: str, command: click.Command, parent: click.Context | None) -> Iterator[str]:
    """Markdown of a command and of those below it."""
    context = command.context_class(command, info_name=name, parent=parent, **command.context_settings)
    names = command.list_commands(context) if isinstance(command, click.Group) else []
    formatter = MarkdownFormatter({below: f"{context.command_path} {below}".replace(" ", "-") for below in names})
    command.format_options(context, formatter)
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    help = re.sub(r"\n *\x08 *\n", "\n", cleandoc(command.help or ""))
    yield f"\n## {context.command_path}\n\n{help}\n\n```text\n{usage}\n```\n{formatter.getvalue()}"
    for below in names:
        yield from _described(below, command.get_command(context, below), context)
