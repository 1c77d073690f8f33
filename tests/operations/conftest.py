"""Data folders that several tests only read."""

from pathlib import Path

import pytest

from opportune.operations import open_deployment, publish, read_definitions
from tests.operations import reasons_world
from tests.operations.little_mobile import CUSTOMERS_MAX, by_time, deployed, imported, month


@pytest.fixture(scope="package")
def little_mobile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of a small operator."""
    return deployed(tmp_path_factory.mktemp("mobile") / "data", messages=by_time(month()))


@pytest.fixture(scope="package")
def reasons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The world of reasons, with a change of playbook in its middle."""
    root = tmp_path_factory.mktemp("reasons")
    first = reasons_world.write_definitions(root / "first")
    folder = deployed(root / "data", first, reasons_world.first_messages(), "first")
    second = reasons_world.write_definitions(root / "second", second=True)
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(second), "tests")
    imported(folder, reasons_world.second_messages(), "second")
    return folder
