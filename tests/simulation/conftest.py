"""One warmed-up process for all tests of a worker."""

from collections.abc import Iterator

import pytest

from tests.simulation.zygote import Zygote


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process with loaded kernels that all lives are forked from."""
    started = Zygote()
    yield started
    started.close()
