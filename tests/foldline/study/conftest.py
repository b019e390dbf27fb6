"""Fixtures of the tests of studies."""

import pytest
from sqlalchemy import Engine, event

from tests.foldline.study.studies import no_fsync


@pytest.fixture(autouse=True)
def _no_fsync_of_databases():
    """As `disable_fsync`, for the databases of a test; of files, tests/conftest.py does it."""
    event.listen(Engine, "connect", no_fsync)
    yield
    event.remove(Engine, "connect", no_fsync)


@pytest.fixture
def storage(tmp_path):
    """The path of a database that does not exist yet."""
    return tmp_path / "study.db"
