"""`SuggestingGroup`: a command with subcommands that names the nearest one for a mistyped name."""

from __future__ import annotations

import difflib

import click

from datapath.quoting import quoted


class SuggestingGroup(click.Group):
    """A group that answers an unknown subcommand with the nearest name; newer versions of click do so by themselves."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; a click.UsageError names the nearest one if there is none of that name."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = self._nearest(ctx, name.lower().replace("_", "-"))
            if near is not None:
                ctx.fail(f"No such command {quoted(name)}. Did you mean {quoted(near)}?")
        return super().resolve_command(ctx, args)

    def _nearest(self, ctx: click.Context, name: str) -> str | None:
        names = self.list_commands(ctx)
        near = [one for one in names if one.startswith(name)] or difflib.get_close_matches(name, names, n=1)
        return near[0] if near else None
