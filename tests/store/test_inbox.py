"""Inboxes and work lists: fetching shows nothing, one agent has an item, an answer is told once and only by who may say it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.facts import Outcome
from opportune.store import (
    Inbox,
    InboxState,
    NewMessage,
    Outbox,
    OutboxState,
    People,
    Secrets,
    Settled,
    Traces,
    WorkItems,
    WorkState,
)
from opportune.store.inbox import ITEMS_PER_CUSTOMER_MAX

SECRETS = Secrets(bytes(range(16)))


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """With messages a and b sent to be fetched."""
    opened = Outbox(tmp_path)
    opened.put([NewMessage("a", "app", 7), NewMessage("b", "app", 7)], 1)
    opened.claim("app", 9, 10)
    opened.settle([Settled(key, OutboxState.SENT, presented=False) for key in "ab"], 20)
    yield opened
    opened.close()


def stages(outbox: Outbox) -> list[str]:
    return [f"{report.key}:{report.stage}" for report in outbox.unreported()]


class TestInbox:
    @pytest.fixture
    def inbox(self, tmp_path: Path, outbox: Outbox) -> Iterator[Inbox]:
        opened = Inbox(tmp_path, People(tmp_path, SECRETS))
        for key in "ab":
            opened.place(key, "app", 7, {"text": key}, 30, until_ms=1_000)
        yield opened
        opened.close()

    def test_pulling_shows_nothing_and_saying_is_told_once(self, inbox: Inbox, outbox: Outbox) -> None:
        for _ in range(2):
            assert [item.key for item in inbox.pull(7, "app", 40)] == ["b", "a"]
        assert stages(outbox) == []
        assert inbox.say("a", 7, InboxState.PRESENTED, 50)
        assert not inbox.say("a", 7, InboxState.PRESENTED, 51)
        assert inbox.say("a", 7, InboxState.REFUSED, 52)
        assert not inbox.say("a", 7, InboxState.PRESENTED, 53)  # what was answered was seen
        assert stages(outbox) == ["a:presented", "a:refused"]
        assert [item.key for item in inbox.pull(7, "app", 60)] == ["b"]

    def test_nobody_sees_or_answers_anothers(self, inbox: Inbox, outbox: Outbox) -> None:
        assert inbox.pull(8, "app", 40) == inbox.pull(7, "web", 40) == []
        with pytest.raises(KeyError, match="no message"):
            inbox.say("a", 8, InboxState.PRESENTED, 50)
        assert stages(outbox) == []

    def test_time_and_withdrawal_end_what_was_not_seen(self, inbox: Inbox, outbox: Outbox) -> None:
        assert inbox.say("b", 7, InboxState.PRESENTED, 40)
        assert inbox.withdraw("a", 50)
        assert not inbox.withdraw("b", 50)
        assert [item.key for item in inbox.pull(7, "app", 60)] == ["b"]
        assert not inbox.say("a", 7, InboxState.PRESENTED, 70)
        assert inbox.pull(7, "app", 1_000) == []

    def test_the_oldest_make_room(self, inbox: Inbox) -> None:
        for number in range(ITEMS_PER_CUSTOMER_MAX):
            inbox.place(f"n{number}", "app", 7, {}, 30)
        keys = [item.key for item in inbox.pull(7, "app", 40, limit=1_000)]
        assert len(keys) == ITEMS_PER_CUSTOMER_MAX
        assert not {"a", "b"} & set(keys)

    def test_forgetting_leaves_nothing_on_the_disk(self, inbox: Inbox, outbox: Outbox, tmp_path: Path) -> None:
        inbox.place("c", "app", 9, {"text": "for Wang Fang"}, 30)
        assert inbox.pull(9, "app", 40)[0].body == {"text": "for Wang Fang"}
        assert all(b"Wang Fang" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
        outbox.forget([9], Traces([]), 50)
        inbox.close()
        outbox.close()
        assert all(b"Wang Fang" not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


class TestWorkItems:
    @pytest.fixture
    def items(self, tmp_path: Path, outbox: Outbox) -> Iterator[WorkItems]:
        opened = WorkItems(tmp_path, People(tmp_path, SECRETS))
        opened.place("a", "app", 7, {"script": "say a"}, 30, due_ms=1_000)
        opened.place("b", "app", 7, {"script": "say b"}, 31, due_ms=500)
        yield opened
        opened.close()

    def test_the_first_due_goes_to_one_agent_until_her_time_is_over(self, items: WorkItems) -> None:
        first = items.claim("app", "eva", 100, 50)
        assert first is not None
        assert (first.key, first.body, first.due_ms, first.claimed_until_ms) == ("b", {"script": "say b"}, 500, 150)
        again = items.claim("app", "eva", 120, 50)
        assert again is not None
        assert (again.key, again.claimed_until_ms) == ("b", 170)
        second = items.claim("app", "tom", 120, 500)
        assert second is not None
        assert second.key == "a"
        assert items.claim("app", "liu", 169, 50) is None
        late = items.claim("app", "liu", 170, 50)
        assert late is not None
        assert late.key == "b"
        with pytest.raises(KeyError, match="eva has no work item"):
            items.finish("b", "eva", Outcome.ACCEPTED, 180)

    def test_an_outcome_is_told_once(self, items: WorkItems, outbox: Outbox) -> None:
        items.claim("app", "eva", 100, 50, key="a")
        assert items.finish("a", "eva", Outcome.REFUSED, 120, "too dear")
        assert not items.finish("a", "eva", Outcome.REFUSED, 121)
        assert stages(outbox) == ["a:refused"]
        done = items.items("app", WorkState.DONE)[0]
        assert (done.outcome, done.note, done.assignee) == (Outcome.REFUSED, "too dear", "eva")
        with pytest.raises(KeyError, match="claim it first"):
            items.finish("b", "eva", Outcome.ACCEPTED, 130)

    def test_given_back_is_open_again(self, items: WorkItems) -> None:
        items.claim("app", "eva", 100, 50, key="a")
        assert not items.give_back("a", "tom", 110)
        assert items.give_back("a", "eva", 110)
        assert [item.key for item in items.items("app", WorkState.OPEN)] == ["a", "b"]

    def test_withdrawal_leaves_a_call_that_is_going_on(self, items: WorkItems) -> None:
        items.claim("app", "eva", 100, 50, key="a")
        assert not items.withdraw("a", 120)
        assert items.withdraw("b", 120)
        assert items.withdraw("a", 150)
        assert items.claim("app", "tom", 200, 50) is None

    def test_what_nobody_called_in_time_has_failed(self, items: WorkItems, outbox: Outbox) -> None:
        items.claim("app", "eva", 480, 100, key="b")
        assert items.expire(500) == 0  # she is still speaking
        assert items.claim("app", "tom", 1_000, 50) is None
        assert items.expire(1_000) == 2
        assert items.expire(1_001) == 0
        assert stages(outbox) == ["a:failed", "b:failed"]

    def test_agents_at_once_never_share_an_item(self, items: WorkItems) -> None:
        for number in range(40):
            items.place(f"n{number}", "desk", 7, {}, 30)
        got: list[str] = []

        def work(agent: str) -> None:
            while item := items.claim("desk", agent, 100, 50):
                got.append(item.key)
                items.finish(item.key, agent, Outcome.ACCEPTED, 110)

        threads = [threading.Thread(target=work, args=(f"agent{number}",)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == sorted(f"n{number}" for number in range(40))
