"""The commands' inputs and undisturbed runs, which all of these tests share."""

import pytest

from tests.faults.campaign import Campaign


@pytest.fixture(scope="session")
def campaign(tmp_path_factory) -> Campaign:
    return Campaign(tmp_path_factory.mktemp("faults"))
