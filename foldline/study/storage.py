"""The database of a study: a SQLite file, or any other database that SQLAlchemy reaches, opened with Optuna's heartbeats.

Optuna gives each waiting trial to one worker by locking its row. SQLite has no row locks: its transactions are made
exclusive from their beginning.
"""

from __future__ import annotations

import json
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from datapath.errors import ConfigError, FileError
from datapath.files import file_errors, is_folder
from datapath.quoting import quoted
from foldline.study.queue import MAX_RETRIES

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import Engine

SQLITE, SQLITE_ENDINGS = "sqlite:///", (".db", ".sqlite", ".sqlite3")

OPTUNAS_TABLES = frozenset(("studies", "trials", "version_info", "alembic_version"))
"""Some of the tables that Optuna makes."""

SQLITE_TIMEOUT_SECONDS = 60
"""Wait for another worker's transaction, which takes milliseconds."""

CREATE_ATTEMPTS, CREATE_PAUSE_SECONDS = 20, 0.1
"""Of several workers that make the same tables at the same time, all but one fail and open them again."""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """How lost workers are detected.

    :raises ConfigError: a value outside its range.
    """

    interval: int = 15  # seconds between two heartbeats of a worker
    grace: int = 120  # seconds without a heartbeat after which a worker counts as lost

    def __post_init__(self) -> None:
        if not 1 <= self.interval <= self.grace / 2:
            raise ConfigError(
                f"heartbeat is {self.interval} s with a grace of {self.grace} s; it must be at least 1 and at most half of "
                "the grace."
            )


def storage_url(text: str) -> str:
    """The URL of a storage.

    >>> storage_url("runs/study.db")
    'sqlite:///runs/study.db'

    :param text: a URL, or the path of a SQLite file.
    :raises ConfigError: it is neither.
    """
    if "://" not in text and text.endswith(SQLITE_ENDINGS):
        return SQLITE + text
    if "://" not in text or text.startswith("journal:"):
        raise ConfigError(
            f"storage is {quoted(text)}; it must be a SQLite file ({', '.join(SQLITE_ENDINGS)}) or the URL of a database such "
            "as postgresql://HOST/NAME; journal files are not supported: they have no heartbeats."
        )
    if text in (SQLITE, f"{SQLITE}:memory:") or (text.startswith("sqlite") and not text.startswith(SQLITE)):
        raise ConfigError(f"storage is {quoted(text)}; a SQLite file is {SQLITE}PATH.")
    return text


def storage_exists(url: str) -> bool:
    """Whether there is a storage to open; of a database on a server only opening it can tell. Nothing is changed.

    :raises FileError: the file is not a SQLite file, or has the tables of something else.
    """
    path = _path(storage_url(url))
    if path is None or not path.is_file():
        return path is None
    # Mode "ro" could not roll back the transaction of a worker that was killed.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=SQLITE_TIMEOUT_SECONDS)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise FileError(f"Cannot open the storage {SQLITE}{path}: {error}.") from error
    if tables and not tables & OPTUNAS_TABLES:
        raise FileError(f"{path} is a database without studies.")
    return bool(tables)


def shown_url(url: str) -> str:
    """The URL without its password."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return url if url.startswith(SQLITE) else make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # ValueError: a port that is not a number
        return url


def open_storage(url: str, heartbeat: Heartbeat | None = None) -> RDBStorage:
    """Open a storage; a file of something else is not changed.

    :param url: see `storage_url`.
    :param heartbeat: of a worker, for which a storage that is not there is made; None opens it to be read.
    :raises FileError: it cannot be opened, or is not there.
    :raises ConfigError: an unknown kind of storage.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # Foldline logs what happens
    url = storage_url(url)
    path = _path(url)
    if path is not None:
        if is_folder(path):
            raise FileError(f"Cannot read {path}: it is a folder.")
        if not storage_exists(url) and heartbeat is None:
            raise FileError(f"Cannot read {path}: {'it is empty' if path.is_file() else 'no such file'}.")
        with file_errors("make the folder", path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
    with _opening(url), reaching(url), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats
        return _database(url, path, heartbeat)


def _path(url: str) -> Path | None:
    """The file of a SQLite storage."""
    return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


def _database(url: str, path: Path | None, heartbeat: Heartbeat | None) -> RDBStorage:
    """Optuna's storage; a worker's fails the trials of lost workers and queues them again."""
    from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError
    from sqlalchemy.pool import NullPool

    # A worker's connections stay open.
    settings = {"poolclass": NullPool} if heartbeat is None else {"pool_pre_ping": True}
    if path is not None:  # by its path, whatever a "?" or "%" in it would mean in a URL
        url = f"{SQLITE}study.db"
        settings["creator"] = partial(sqlite3.connect, path, timeout=SQLITE_TIMEOUT_SECONDS, check_same_thread=False)
    heartbeats = {}
    if heartbeat is not None:
        heartbeats = {
            "heartbeat_interval": heartbeat.interval,
            "grace_period": heartbeat.grace,
            "heartbeat_stale_trial_callback": RetryHeartbeatStaleTrialCallback(max_retry=MAX_RETRIES),
        }
    for attempt in range(CREATE_ATTEMPTS):
        try:
            storage = RDBStorage(url, engine_kwargs=settings, **heartbeats)
            break
        except SQLAlchemyError as error:
            met = isinstance(error, IntegrityError) or "already exists" in str(error)
            if not met or attempt == CREATE_ATTEMPTS - 1:
                raise
            time.sleep(CREATE_PAUSE_SECONDS)
    if path is not None and heartbeat is not None:
        _make_exclusive(storage.engine)
    return storage


def _make_exclusive(engine: Engine) -> None:
    """Begin every transaction as one that writes (SQLAlchemy's documentation, "Serializable isolation")."""
    from sqlalchemy import event

    def connected(connection, record) -> None:
        connection.isolation_level = None  # sqlite3 begins no transaction by itself

    def begun(connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)
    engine.dispose()


@contextmanager
def reaching(url: str) -> Iterator[None]:
    """Turn the errors of a database in use into errors that name it.

    :raises FileError: it cannot be reached, read or written, or an attribute in it is not JSON.
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
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        unknown = isinstance(error, sqlalchemy.exc.NoSuchModuleError)
        reason = "there is no such kind of database" if unknown else _reason(error)
        raise ConfigError(f"storage is {quoted(shown_url(url))}; {reason}.") from error
    except ImportError as error:  # Optuna's, whose cause names the module
        cause = error.__cause__ or error
        reason = f"{cause.name} is not installed" if isinstance(cause, ModuleNotFoundError) else _reason(cause)
        install = ": pip install 'foldline[postgresql]'" if url.startswith("postgresql://") else ""
        raise FileError(f"Cannot open the storage {shown_url(url)}: {reason}{install}.") from error
    except (sqlalchemy.exc.SQLAlchemyError, OSError, RuntimeError) as error:
        raise FileError(f"Cannot open the storage {shown_url(url)}: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """The first line of an error, of SQLAlchemy's that of the database."""
    inner = getattr(error, "orig", None) or error
    text = inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)
    return (text.splitlines() or [type(inner).__name__])[0].rstrip(".")
