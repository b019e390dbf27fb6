"""The command line within the process of the tests, and images for it."""

from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image, ImageDraw

from foldline.cli import main


def run(*arguments: object, **options: object) -> Result:
    """`foldline ARGUMENTS`; `options` go to click's runner."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def fails(message: str | tuple[object, ...], *arguments: object, status: int = 1) -> Result:
    """Run, and expect one sentence last on stderr, no traceback, and the status.

    :param message: the whole sentence, or what it must name.
    """
    result = run(*arguments)
    last = result.stderr.splitlines()[-1]
    if isinstance(message, str):
        assert last == f"Error: {message}"
    else:
        assert last.startswith("Error: ") and all(str(named) in last for named in message), last
    assert result.exit_code == status
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def draw_line(path: Path, width: int) -> Path:
    """Write an image of dark bars, 32 rows high."""
    picture = Image.new("L", (width, 32), 255)
    draw = ImageDraw.Draw(picture)
    for x in range(4, width - 8, 11):
        draw.rectangle((x, 6 + x % 7, x + 5, 26), fill=0)
    picture.save(path)
    return path
