"""Option groups: a command's options stand under their headings in `--help`, with click's public interface alone."""

import click
from click.testing import CliRunner

from foldline.commands.options import GroupedCommand, option_group

network = option_group("Network")
run = option_group("Run")


@click.command(cls=GroupedCommand)
@network("--layer-size", type=int, default=4, show_default=True, help="Hidden units.")
@run("--seed", type=int, help="Seed of the run.")
@network("--height", type=int, help="Rows of a line.")
@click.option("--json", is_flag=True, help="Write JSON.")
@run("--internal", hidden=True)
def command(layer_size, seed, height, json, internal):
    """One line."""
    click.echo(f"{layer_size} {seed} {height} {json} {internal}")


def test_help_lists_every_option_once_under_its_heading_in_the_order_of_first_use():
    lines = CliRunner().invoke(command, ["--help"]).output.splitlines()
    shown = [line.split()[0] for line in lines if line.startswith("  -") or line.endswith(":")]
    assert shown == ["Network:", "--layer-size", "--height", "Run:", "--seed", "Options:", "--json", "--help"]


def test_a_heading_changes_nothing_but_the_help():
    assert CliRunner().invoke(command, ["--height", "3", "--json", "--internal", "x"]).output == "4 None 3 True x\n"
