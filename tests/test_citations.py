"""Every path and every name of ours that a comment, a docstring or a page cites exists in the repository."""

import ast
import io
import os
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.golden_data import REPOSITORY

COMMENT = {".cpp": "//", ".hpp": "//", ".tcl": "#", ".cfg": "#", ".toml": "#", ".yml": "#", ".txt": "#", "": "#"}
"""What begins a comment, by suffix. (A Makefile and a script have no suffix.)"""

PATH = re.compile(r"(?<![\w./*{$-])(?:[\w.-]+/)+[\w.*-]*\w|(?<![\w./-])[\w-]+\.md\b")
NAME = re.compile(r"`+([a-z_]+(?:\.\w+)+)(?<!\.log)(?:\(\))?`+")


@cache
def tracked() -> tuple[Path, ...]:
    """Files of the repository, also those that are not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return tuple(Path(name) for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file())


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """What a file says to its reader, as (line, text): a whole page, and of a source its comments and docstrings."""
    text = (REPOSITORY / path).read_text(encoding="utf-8")
    if path.suffix != ".py":
        for number, line in enumerate(text.splitlines(), start=1):
            yield number, line if path.suffix in {".md", ".j2"} else line.partition(COMMENT[path.suffix])[2]
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        # Docstrings, and the texts behind constants and fields that document them.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from enumerate(node.value.value.splitlines(), start=node.lineno)


def read_files() -> list[Path]:
    return [path for path in tracked() if path.suffix in {".py", ".md", ".j2", *COMMENT} and path.name != "LICENSE"]


@cache
def folders() -> frozenset[str]:
    """Folders at the top: what begins with one of these is a path of the repository."""
    return frozenset(path.parts[0] for path in tracked() if len(path.parts) > 1)


@cache
def places() -> frozenset[str]:
    """Every file and folder."""
    return frozenset(str(place) for path in tracked() for place in (path, *path.parents))


def is_there(cited: str, path: Path) -> bool:
    """Whether a path exists, from the top or beside the file that cites it; a page may be cited by its name alone, and a
    decision by its number."""
    if "*" in cited:
        return any(True for _ in REPOSITORY.glob(cited))
    if "/" not in cited:
        return cited in {place.rpartition("/")[2] for place in places()}
    if cited.startswith("docs/decisions/"):
        return any(place.startswith(cited) for place in places())
    return bool({cited, os.path.normpath(path.parent / cited)} & places())


def cited_paths(path: Path) -> Iterator[tuple[int, str]]:
    for line, text in prose(path):
        for cited in PATH.findall(text):
            ours = cited.endswith(".md") or cited.partition("/")[0] in folders()
            if ours and "NAME" not in cited:  # which stands for others
                yield line, cited


def test_every_cited_path_exists():
    wrong = [
        f"{path}:{line}: {cited}"
        for path in read_files()
        for line, cited in cited_paths(path)
        if not is_there(cited, path)
    ]
    assert not wrong


def names_something(dotted: str) -> bool:
    """Whether `datapath.cycles.DEPTHS` is a module of ours, or one with that name in its text."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        folder = Path(*parts[:count])
        for module in (folder / "__init__.py", folder.with_suffix(".py")):
            if str(module) in places():
                source = (REPOSITORY / module).read_text(encoding="utf-8")
                return all(re.search(rf"\b{re.escape(name)}\b", source) for name in parts[count : count + 1])
    return False


def test_every_cited_name_exists():
    packages = {folder for folder in folders() if f"{folder}/__init__.py" in places()}
    wrong = [
        f"{path}:{line}: {cited}"
        for path in read_files()
        if path.suffix in {".py", ".md"}
        for line, text in prose(path)
        for cited in NAME.findall(text)
        if cited.partition(".")[0] in packages and not names_something(cited)
    ]
    assert not wrong
