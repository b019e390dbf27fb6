"""The command line within the tests' own process."""

from click.testing import CliRunner, Result

from foldline.cli import main


def run(*arguments: object, **options: object) -> Result:
    """`foldline ARGUMENTS`; `options` go to click's runner."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], **options)


def fails(message: str, *arguments: object, status: int = 1) -> Result:
    """Run, and expect this whole sentence last on stderr, nothing like a traceback, and the status."""
    result = run(*arguments)
    assert result.stderr.splitlines()[-1] == f"Error: {message}"
    assert result.exit_code == status
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result
