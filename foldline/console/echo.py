"""`echo`: lines on standard output or stderr, in which no text of a file commands the terminal."""

from __future__ import annotations

import click

from datapath.quoting import displayed


def echo(message: object = "", *, err: bool = False) -> None:
    """Print lines; see `datapath.quoting.displayed`.

    :param message: text, or what has one; its line ends and tabs stay.
    :param err: on stderr.
    """
    click.echo(displayed(str(message), lines=True), err=err)
