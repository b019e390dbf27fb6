"""A PostgreSQL server for the tests, reached by a socket in its folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = "postgres"
"""Whom Debian's package makes; the server refuses to run as root."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database; a test that asks for it is skipped where PostgreSQL or its driver is missing."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    found = [shutil.which("initdb"), *Path("/usr/lib/postgresql").glob("*/bin/initdb")]  # Debian's are not in PATH
    initdb = next((Path(path).resolve() for path in found if path), None)
    if initdb is None:
        pytest.skip("there is no PostgreSQL server here")
    as_root = os.geteuid() == 0
    if as_root and USER not in {entry.pw_name for entry in pwd.getpwall()}:
        pytest.skip(f"PostgreSQL does not run as root, and there is no user {USER}")
    folder = Path(tempfile.mkdtemp(prefix="foldline-postgresql-"))  # pytest's own folders are closed to other users
    if as_root:
        shutil.chown(folder, USER)

    def run(program: str, *arguments: str) -> None:
        command = [initdb.with_name(program), "-D", folder / "data", *arguments]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, user=USER if as_root else None)

    try:
        run("initdb", "--no-sync", "--auth=trust", f"--username={USER}")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        try:
            run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
            yield f"postgresql://{USER}@/{USER}?host={folder}"
        finally:
            run("pg_ctl", "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)
