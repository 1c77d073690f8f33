"""The feed of decisions: pages are the journal's decisions, whatever their size and wherever they begin."""

from collections.abc import Iterator

import pytest

from opportune.operations import Deployment, ingest, list_decisions, open_deployment
from opportune.operations import decision_feed as feed_module
from opportune.operations.decision_feed import DecisionFeed
from opportune.operations.decisions import DecisionLine, latest_playbook
from opportune.operations.names import Names
from tests.operations.little_mobile import CUSTOMERS_MAX, START, by_time, deployed, lines, month


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A month of a small operator, in many small groups."""
    folder = deployed(tmp_path_factory.mktemp("feed") / "data")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        decoder = deployment.decoder("world", "import")
        messages = by_time(month(240))
        for start in range(0, len(messages), 40):
            ingest(deployment, decoder, lines(messages[start : start + 40]), START)
        deployment.flush()
        yield deployment


def feed_of(deployment: Deployment) -> DecisionFeed:
    return DecisionFeed(deployment, lambda: Names(latest_playbook(deployment.folder)))


def all_of(feed: DecisionFeed, limit: int, *, reveal: bool = False) -> list[DecisionLine]:
    """Page after page, to the end."""
    found: list[DecisionLine] = []
    after = -1
    while page := feed.after(after, limit, reveal=reveal):
        assert len(page) <= limit
        found += page
        after = page[-1].number
    return found


@pytest.mark.parametrize("limit", [1, 7, 100_000])
@pytest.mark.parametrize("marks_max", [2, 20_000])
def test_pages_follow_each_other(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, limit: int, marks_max: int
) -> None:
    monkeypatch.setattr(feed_module, "MARK_EVERY_DECISIONS", 1)
    monkeypatch.setattr(feed_module, "MARKS_MAX", marks_max)
    feed = feed_of(deployment)
    for reveal in (False, True):
        wanted = list_decisions(deployment.folder, limit=1_000_000, reveal=reveal)
        assert len(wanted) > 50
        assert [one.number for one in wanted] == list(range(len(wanted)))
        assert all_of(feed, limit, reveal=reveal) == wanted
        assert feed.after(len(wanted) - 3, 10, reveal=reveal) == wanted[-2:]
        assert feed.after(10, 5, reveal=reveal) == wanted[11:16]  # behind what was read already


def test_a_page_is_bounded(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "PAGE_MAX", 4)
    assert len(feed_of(deployment).after(-1, 1_000)) == 4


def test_identifiers_of_many_are_those_of_each(deployment: Deployment) -> None:
    people = deployment.people
    found = people.identifiers_of_all([*range(250), 3, 999])
    assert found == {customer: people.identifiers_of(customer) for customer in range(240)}


def test_nothing_is_behind_the_last(deployment: Deployment) -> None:
    feed = feed_of(deployment)
    assert feed.after(2**62, 5) == []
