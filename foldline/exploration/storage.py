"""Where studies are kept: a database that SQLAlchemy reaches, or a journal file.

SQLite takes no row locks, so that two workers could get the same waiting trial: its transactions are made exclusive from
their beginning, and take turns.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, FileError
from datapath.files import os_reason

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from sqlalchemy import Engine

JOURNAL = "journal:///"
JOURNAL_ENDINGS = (".log", ".journal")
SQLITE = "sqlite:///"
SQLITE_ENDINGS = (".db", ".sqlite", ".sqlite3")

SQLITE_PATIENCE_SECONDS = 60
"""How long a worker waits for its turn: others hold it for milliseconds."""

CREATE_ATTEMPTS, CREATE_PAUSE_SECONDS = 20, 0.1
"""Of several workers that make the same tables at the same time, all but one are told that they are there already."""


def storage_url(text: str) -> str:
    """A storage as its URL; a path says by its ending what it is.

    >>> storage_url("runs/study.db"), storage_url("study.journal")
    ('sqlite:///runs/study.db', 'journal:///study.journal')

    :raises ConfigError: it is neither.
    """
    if "://" in text:
        return text
    if text.endswith(JOURNAL_ENDINGS):
        return JOURNAL + text
    if text.endswith(SQLITE_ENDINGS):
        return SQLITE + text
    raise ConfigError(
        f"storage is {text!r}; it must be a URL of a database such as postgresql://HOST/NAME, a file of SQLite "
        f"({', '.join(SQLITE_ENDINGS)}) or a journal file ({', '.join(JOURNAL_ENDINGS)})."
    )


def storage_exists(url: str) -> bool:
    """Whether there is a storage to be opened; of a database on a server, that is told by opening it."""
    path = _path(storage_url(url))
    return path is None or path.is_file()


def shown_url(url: str) -> str:
    """The URL without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return url if url.startswith(JOURNAL) else make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


def open_storage(url: str, *, makes: bool) -> BaseStorage:
    """Open a storage.

    :param makes: whether one that is not there yet is made, and written to.
    :raises FileError: it cannot be opened, or is not there.
    :raises ConfigError: no such kind of storage.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # what it tells on its own, Foldline tells in its own words
    url = storage_url(url)
    path = _path(url)
    if path is not None and makes:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"Cannot make the folder {path.parent}: {os_reason(error)}.") from error
    elif path is not None and not path.is_file():
        raise FileError(f"Cannot read {path}: no such file.")
    with _opening(url), reaching(url):
        if url.startswith(JOURNAL):
            return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        return optuna.storages.get_storage(_database(url, exclusive=makes))


def _path(url: str) -> Path | None:
    """The file that a storage is, if it is one on this machine."""
    for prefix in (JOURNAL, SQLITE):
        if url.startswith(prefix):
            return Path(url.removeprefix(prefix))
    return None


def _database(url: str, *, exclusive: bool) -> BaseStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    lite = url.startswith("sqlite:")
    settings = {"connect_args": {"timeout": SQLITE_PATIENCE_SECONDS}} if lite else {"pool_pre_ping": True}
    for attempt in range(CREATE_ATTEMPTS):
        try:
            storage = RDBStorage(url, engine_kwargs=settings)
            break
        except SQLAlchemyError as error:
            met = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not met or attempt == CREATE_ATTEMPTS - 1:
                raise
            time.sleep(CREATE_PAUSE_SECONDS)
    if lite and exclusive:
        _make_exclusive(storage.engine)
    return storage


def _make_exclusive(engine: Engine) -> None:
    """Let every transaction begin as one that writes (SQLAlchemy's documentation, "Serializable isolation")."""
    from sqlalchemy import event

    def connected(connection, record) -> None:
        connection.isolation_level = None  # sqlite3 begins no transaction of its own

    def begun(connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    engine.dispose()


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn what a database raises while it is in use into a sentence that names it.

    :raises FileError: it cannot be reached, read or written.
    """
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except StorageInternalError as error:
        raise FileError(f"The storage {shown_url(url)} fails: {_reason(error.__cause__ or error)}.") from error


@contextmanager
def _opening(url: str) -> Iterator[None]:
    import sqlalchemy.exc

    try:
        yield
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise ConfigError(f"storage is {shown_url(url)!r}; there is no such kind of database.") from error
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        raise ConfigError(f"storage is {shown_url(url)!r}: {_reason(error)}.") from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError, ImportError, RuntimeError) as error:
        raise FileError(f"Cannot open the storage {shown_url(url)}: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """The first line of an error, of SQLAlchemy's what the database itself said."""
    inner = getattr(error, "orig", None) or error
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return (text.splitlines() or [type(inner).__name__])[0].rstrip(".")
