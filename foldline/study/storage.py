"""Where studies are kept: a database that SQLAlchemy reaches, or a journal file.

SQLite takes no row locks, so that two workers could get the same waiting trial: its transactions are made exclusive from
their beginning, and take turns.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, FileError
from datapath.files import is_folder, os_reason

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from sqlalchemy import Engine

JOURNAL = "journal:///"
JOURNAL_ENDINGS = (".log", ".journal")
SQLITE = "sqlite:///"
SQLITE_ENDINGS = (".db", ".sqlite", ".sqlite3")

OPTUNAS_TABLES = frozenset(("studies", "trials", "version_info", "alembic_version"))
"""Some of those that Optuna makes."""

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
        kept_nowhere = text.removeprefix(SQLITE) in ("", ":memory:")
        if kept_nowhere or (text.startswith("sqlite") and not text.startswith(SQLITE)):
            raise ConfigError(f"storage is {text!r}; a file of SQLite is {SQLITE}PATH.")
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
    """Whether there is a storage to be opened; of a database on a server, that is told by opening it.

    :raises FileError: there is a file of something else.
    """
    url = storage_url(url)
    path = _path(url)
    if path is None:
        return True
    if not path.is_file():
        return False
    if url.startswith(JOURNAL):
        _require_journal(path)
        return True
    return _has_studies(path)


def shown_url(url: str) -> str:
    """The URL without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return url if url.startswith((JOURNAL, SQLITE)) else make_url(url).render_as_string(hide_password=True)
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
    if path is not None:
        _require_place(url, path, makes=makes)
    with _opening(url), reaching(url):
        if url.startswith(JOURNAL):
            return _journal(path, makes=makes)
        return optuna.storages.get_storage(_database(url, writes=makes))


def _require_place(url: str, path: Path, *, makes: bool) -> None:
    """Make sure that a file is a storage, or could be made; a file of something else is not touched."""
    if is_folder(path):
        raise FileError(f"Cannot read {path}: it is a folder.")
    there = storage_exists(url)
    if makes:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"Cannot make the folder {path.parent}: {os_reason(error)}.") from error
    elif not there:
        raise FileError(f"Cannot read {path}: {'it is empty' if path.is_file() else 'no such file'}.")


def _has_studies(path: Path) -> bool:
    """Whether a file of SQLite has tables; it is not written to.

    :raises FileError: they are not Optuna's, or it is no such file.
    """
    # Not "ro": that could not roll back what a worker that was killed has left.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=SQLITE_PATIENCE_SECONDS)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error as error:
        raise FileError(f"Cannot open the storage {SQLITE}{path}: {error}.") from error
    if tables and not tables & OPTUNAS_TABLES:
        raise FileError(f"{path} is a database of something else: it has no studies.")
    return bool(tables)


def _require_journal(path: Path) -> None:
    """Make sure that a file begins as a journal does: Optuna would write behind whatever it holds.

    :raises FileError: it does not.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20)
    except OSError as error:
        raise FileError(f"Cannot read {path}: {os_reason(error)}.") from error
    try:
        # A first line that has no end yet is being written by another worker.
        begins = "op_code" in json.loads(first) if first.endswith(b"\n") else first[:1] in (b"", b"{")
    except (ValueError, TypeError):
        begins = False
    if not begins:
        raise FileError(f"{path} is no journal of studies.")


def _journal(path: Path, *, makes: bool) -> BaseStorage:
    """:raises FileError: what it holds cannot be read."""
    from optuna.exceptions import StorageInternalError
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

    class Backend(JournalFileBackend):
        def append_logs(self, logs: list[dict]) -> None:
            try:
                super().append_logs(logs)
            except OSError as error:  # a full disk, a folder that is away: as of a database
                raise StorageInternalError(os_reason(error)) from error

    lock = JournalFileSymlinkLock(str(path))
    if makes and path.is_file():
        lock.acquire()
        try:
            _drop_half_line(path)
        finally:
            lock.release()
    try:
        return JournalStorage(Backend(str(path), lock_obj=lock))
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        raise FileError(f"The journal {path} is damaged: {_reason(error)}.") from error


def _path(url: str) -> Path | None:
    """The file that a storage is, if it is one on this machine."""
    for prefix in (JOURNAL, SQLITE):
        if url.startswith(prefix):
            return Path(url.removeprefix(prefix))
    return None


def _database(url: str, *, writes: bool) -> BaseStorage:
    """:param writes: whether it is for a worker, whose connections stay open."""
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    lite = url.startswith(SQLITE)
    settings = {"pool_pre_ping": True} if writes else {"poolclass": NullPool}
    if lite:  # by its path, whatever a "?" or "%" in it would mean in a URL
        path, url = _path(url), f"{SQLITE}study.db"
        settings["creator"] = partial(sqlite3.connect, path, timeout=SQLITE_PATIENCE_SECONDS, check_same_thread=False)
    for attempt in range(CREATE_ATTEMPTS):
        try:
            storage = RDBStorage(url, engine_kwargs=settings)
            break
        except SQLAlchemyError as error:
            met = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not met or attempt == CREATE_ATTEMPTS - 1:
                raise
            time.sleep(CREATE_PAUSE_SECONDS)
    if lite and writes:
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


def _drop_half_line(path: Path) -> None:
    """Drop a last line without an end, which a full disk leaves: the next one would be written behind it, and neither
    could ever be read."""
    with path.open("rb+") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn what a database raises while it is in use into a sentence that names it.

    :raises FileError: it cannot be reached, read or written, or what it holds is no JSON.
    """
    from optuna.exceptions import StorageInternalError

    try:
        yield
    except json.JSONDecodeError as error:
        raise FileError(f"The storage {shown_url(url)} is damaged: {error}.") from error
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
    except ImportError as error:  # Optuna's, whose cause names the module
        cause = error.__cause__ or error
        reason = f"{cause.name} is not installed" if isinstance(cause, ModuleNotFoundError) else _reason(cause)
        install = ": pip install 'foldline[postgresql]'" if url.startswith("postgresql://") else ""
        raise FileError(f"Cannot open the storage {shown_url(url)}: {reason}{install}.") from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError, RuntimeError) as error:
        raise FileError(f"Cannot open the storage {shown_url(url)}: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """The first line of an error, of SQLAlchemy's what the database itself said."""
    inner = getattr(error, "orig", None) or error
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return (text.splitlines() or [type(inner).__name__])[0].rstrip(".")
