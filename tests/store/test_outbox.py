"""The outbox: once per key, one worker at a time, nothing forgotten in a crash, every end told until it is taken."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.facts import Outcome
from opportune.store import EVERYWHERE, NewMessage, Outbox, OutboxState, Settled, Stage, Traces


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    opened = Outbox(tmp_path)
    yield opened
    opened.close()


def new(key: str, touchpoint: str = "sms", **more: object) -> NewMessage:
    return NewMessage(key, touchpoint, customer=7, **more)  # type: ignore[arg-type]  # fields by name


def sent(outbox: Outbox, key: str, *provider_ids: str, now_ms: int = 100) -> None:
    outbox.put([new(key)], 1)
    assert [row.key for row in outbox.claim("sms", 10, now_ms)] == [key]
    assert outbox.settle([Settled(key, OutboxState.SENT, provider_ids=provider_ids)], now_ms) == 1


def told(outbox: Outbox) -> list[tuple[str, Stage, Outcome | None]]:
    return [(report.message_id, report.stage, report.outcome) for report in outbox.unreported()]


def test_a_key_goes_in_once_and_the_cursor_moves_with_it(outbox: Outbox) -> None:
    assert outbox.put([new("1"), new("2"), new("1")], 5, ("moves", 10)) == 2
    assert outbox.put([new("2", variables={"a": 1}), new("3")], 6, ("moves", 20)) == 1
    assert outbox.cursor("moves") == 20
    assert outbox.put([], 7, ("moves", 15)) == 0
    assert outbox.cursor("moves") == 20
    assert outbox.cursor("other") == 0
    row = outbox.get("2")
    assert row is not None
    assert (row.variables, row.queued_ms) == ({}, 5)


def test_a_refused_message_leaves_cursor_and_rows_alone(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="variables have"):
        outbox.put([new("1"), new("2", variables={"a": "x" * 20_000})], 5, ("moves", 10))
    with pytest.raises(ValueError, match="characters"):
        outbox.put([new("")], 5, ("moves", 10))
    assert outbox.get("1") is None
    assert outbox.cursor("moves") == 0


def test_claims_come_when_due_in_order_and_once(outbox: Outbox) -> None:
    outbox.put([new("b", next_at_ms=20), new("a", next_at_ms=10), new("c", next_at_ms=30), new("x", "mail")], 1)
    assert outbox.claim("sms", 5, 9) == []
    assert outbox.next_due("sms") == 10
    assert [row.key for row in outbox.claim("sms", 5, 25)] == ["a", "b"]
    assert outbox.claim("sms", 5, 25) == []
    assert [(row.key, row.attempts, row.state) for row in outbox.claim("sms", 5, 30)] == [("c", 1, OutboxState.SENDING)]


def test_two_workers_never_share_a_row(tmp_path: Path) -> None:
    workers = [Outbox(tmp_path) for _ in range(2)]
    workers[0].put([new(str(number)) for number in range(300)], 1)
    got: list[list[str]] = [[], []]

    def work(number: int) -> None:
        while rows := workers[number].claim("sms", 7, 10):
            got[number] += [row.key for row in rows]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got[0] + got[1], key=int) == [str(number) for number in range(300)]
    # Neither settles or gives back what the other has.
    assert workers[0].settle([Settled(got[1][0] if got[1] else "-", OutboxState.SENT)], 20) == 0
    workers[0].put_back(got[1][:1])
    assert workers[1].claim("sms", 5, 30) == []
    for worker in workers:
        worker.close()


@pytest.mark.parametrize(
    ("state", "stage", "outcome"),
    [(OutboxState.SENT, Stage.SENT, Outcome.PRESENTED), (OutboxState.FAILED, Stage.FAILED, Outcome.FAILED),
     (OutboxState.DEAD, Stage.FAILED, Outcome.FAILED), (OutboxState.UNKNOWN, Stage.UNKNOWN, Outcome.UNKNOWN)],
)  # fmt: skip
def test_an_end_is_told_until_it_is_taken(
    state: OutboxState, stage: Stage, outcome: Outcome, outbox: Outbox, tmp_path: Path
) -> None:
    outbox.put([new("1", campaign="c", offer="o", decided_seq=9), new("t", is_test=True)], 1)
    outbox.claim("sms", 5, 10)
    outbox.settle([Settled(key, state, "because") for key in ("1", "t")], 20)
    assert outbox.settle([Settled("1", OutboxState.SENT)], 21) == 0  # it ended once
    outbox.close()
    again = Outbox(tmp_path)
    report = again.unreported()[0]
    assert told(again) == [("1:1:" + stage, stage, outcome)]  # the test is told nowhere
    assert (report.customer, report.campaign, report.offer, report.decided_seq, report.reason) == (
        7,
        "c",
        "o",
        9,
        "because",
    )
    again.reported([report.number])
    assert told(again) == []
    again.close()


def test_a_message_that_lies_ready_is_told_when_it_is_presented(outbox: Outbox) -> None:
    outbox.put([new("1")], 1)
    outbox.claim("sms", 1, 10)
    outbox.settle([Settled("1", OutboxState.SENT, presented=False)], 20)
    assert told(outbox) == []
    assert outbox.note("1", Stage.PRESENTED, 30)
    assert not outbox.note("1", Stage.PRESENTED, 31)
    assert told(outbox) == [("1:1:presented", Stage.PRESENTED, Outcome.PRESENTED)]


@pytest.mark.parametrize("again", [False, True])
def test_what_a_dead_worker_left_is_unknown_or_goes_again(again: bool, tmp_path: Path) -> None:
    dead, alive = Outbox(tmp_path), Outbox(tmp_path)
    dead.put([new("1", at_least_once=again)], 1)
    dead.claim("sms", 1, 10)
    assert alive.recover(20) == 0  # its worker lives
    dead.close()
    assert alive.recover(30) == 1
    assert alive.recover(31) == 0
    row = alive.get("1")
    assert row is not None
    assert row.state is (OutboxState.QUEUED if again else OutboxState.UNKNOWN)
    assert row.reason == "worker_died"
    assert told(alive) == ([] if again else [("1:1:unknown", Stage.UNKNOWN, Outcome.UNKNOWN)])
    assert [claimed.attempts for claimed in alive.claim("sms", 1, 40)] == ([2] if again else [])
    alive.close()


def test_a_message_past_its_time_is_dead_and_told(outbox: Outbox) -> None:
    outbox.put([new("1", until_ms=50), new("2", until_ms=60)], 1)
    assert outbox.claim("sms", 1, 50)[0].key == "2"
    assert outbox.recover(50) == 1
    assert outbox.recover(70) == 0  # the other is on its way
    row = outbox.get("1")
    assert row is not None
    assert (row.state, row.reason) == (OutboxState.DEAD, "too_late")
    assert told(outbox) == [("1:0:failed", Stage.FAILED, Outcome.FAILED)]


def test_given_back_is_as_if_never_had(outbox: Outbox) -> None:
    outbox.put([new("1")], 1)
    before = outbox.get("1")
    outbox.claim("sms", 1, 10, day_ms=0, per_day=1)
    outbox.put_back(["1"], day_ms=0)
    after = outbox.get("1")
    assert before is not None
    assert after is not None
    assert (after.state, after.attempts) == (before.state, before.attempts)
    assert len(outbox.claim("sms", 1, 20, day_ms=0, per_day=1)) == 1  # the day's volume is free again too


def test_the_days_volume_holds_over_workers_and_restarts_and_leaves_tests_out(tmp_path: Path) -> None:
    first, second = Outbox(tmp_path), Outbox(tmp_path)
    first.put([new(str(number), next_at_ms=number) for number in range(10)] + [new("t", is_test=True, next_at_ms=1)], 1)
    assert [row.key for row in first.claim("sms", 4, 10, 0, per_day=5)] == ["0", "1", "t", "2"]
    assert len(second.claim("sms", 4, 10, 0, per_day=5)) == 2
    second.close()
    third = Outbox(tmp_path)
    assert third.claim("sms", 4, 10, 0, per_day=5) == []
    assert len(third.claim("sms", 9, 10, 86_400_000, per_day=5)) == 5
    third.close()
    first.close()


def test_a_tried_message_counts_its_tries_and_an_untried_one_does_not(outbox: Outbox) -> None:
    outbox.put([new("1")], 1)
    for tries, is_try in ((1, True), (2, False), (2, True), (3, True)):
        row = outbox.claim("sms", 1, 1_000)[0]
        assert row.tries == tries
        outbox.settle([Settled("1", OutboxState.QUEUED, "later", next_at_ms=500, is_try=is_try)], 10)
    assert told(outbox) == []
    assert outbox.claim("sms", 1, 499) == []


def test_withdrawing_holds_for_what_nobody_has_begun(outbox: Outbox) -> None:
    outbox.put([new("1"), new("2", next_at_ms=99)], 1)
    outbox.claim("sms", 1, 10)
    assert outbox.withdraw(["1", "2", "3"], "goal_reached", 20) == ["2"]
    assert outbox.claim("sms", 5, 100) == []
    assert told(outbox) == []


def test_a_halt_holds_for_all_workers_over_restarts(tmp_path: Path) -> None:
    one, other = Outbox(tmp_path), Outbox(tmp_path)
    one.put([new("1"), new("2", "mail")], 1)
    one.halt("asked", 5)
    assert other.claim("sms", 1, 10) == other.claim("mail", 1, 10) == []
    other.close()
    other = Outbox(tmp_path)
    assert other.halted("sms")
    assert other.halts() == {EVERYWHERE: "asked"}
    assert other.resume()
    assert not other.resume()
    one.halt("gone", 5, "sms")
    assert other.claim("sms", 1, 10) == []
    assert len(other.claim("mail", 1, 10)) == 1
    for outbox in (one, other):
        outbox.close()


def test_receipts_of_all_parts_make_a_delivery_and_of_one_a_bounce(outbox: Outbox) -> None:
    sent(outbox, "1", "p1", "p2")
    sent(outbox, "2", "p3", "p4")
    assert outbox.note_receipt("sms", "p1", Stage.DELIVERED, 30)
    assert not outbox.note_receipt("sms", "p1", Stage.DELIVERED, 31)  # the provider says yes twice
    assert outbox.note_receipt("sms", "p4", Stage.BOUNCED, 32, "UNDELIV 011")
    assert outbox.note_receipt("sms", "p2", Stage.DELIVERED, 33)
    assert outbox.note_receipt("sms", "p3", Stage.BOUNCED, 34, "UNDELIV 012")
    assert told(outbox)[2:] == [
        ("2:1:bounced", Stage.BOUNCED, Outcome.FAILED),
        ("1:1:delivered", Stage.DELIVERED, None),
    ]
    assert [row.key for row in outbox.messages(OutboxState.FAILED)] == ["2"]


def test_a_receipt_may_come_before_the_answer_is_written(outbox: Outbox) -> None:
    outbox.put([new("1")], 1)
    outbox.claim("sms", 1, 10)
    assert outbox.note_receipt("sms", "p1", Stage.DELIVERED, 11)
    assert told(outbox) == []
    outbox.settle([Settled("1", OutboxState.SENT, provider_ids=("p1",))], 12)
    assert [stage for _, stage, _ in told(outbox)] == [Stage.SENT, Stage.DELIVERED]


def test_ids_of_two_providers_do_not_mix(outbox: Outbox) -> None:
    sent(outbox, "1", "p1")
    assert outbox.note_receipt("mail", "p1", Stage.BOUNCED, 30)
    assert [stage for _, stage, _ in told(outbox)] == [Stage.SENT]


def test_a_late_receipt_ends_the_doubt(outbox: Outbox) -> None:
    outbox.put([new("1"), new("2")], 1)
    outbox.claim("sms", 2, 10)
    outbox.settle([Settled("1", OutboxState.UNKNOWN), Settled("2", OutboxState.UNKNOWN)], 20)
    assert outbox.note("1", Stage.DELIVERED, 30)
    assert outbox.note("2", Stage.BOUNCED, 30, "no such mailbox")
    assert not outbox.note("3", Stage.BOUNCED, 30)
    assert [outcome for _, _, outcome in told(outbox)[2:]] == [Outcome.PRESENTED, Outcome.FAILED]
    rows = [outbox.get("1"), outbox.get("2")]
    assert [row.state for row in rows if row] == [OutboxState.SENT, OutboxState.FAILED]


def test_dead_letters_are_listed_in_pages_and_driven_again_with_all_their_tries(outbox: Outbox) -> None:
    outbox.put([new(key) for key in "abcd"], 1)
    ends = {"a": OutboxState.DEAD, "b": OutboxState.FAILED, "c": OutboxState.UNKNOWN, "d": OutboxState.DEAD}
    outbox.claim("sms", 9, 10)
    outbox.settle([Settled(key, state) for key, state in ends.items()], 20)
    assert [row.key for row in outbox.messages(OutboxState.DEAD, limit=1)] == ["a"]
    assert [row.key for row in outbox.messages(OutboxState.DEAD, after="a")] == ["d"]
    assert outbox.messages(OutboxState.DEAD, "mail") == []
    assert outbox.redrive("abc", 30) == ["a", "b"]
    assert outbox.redrive("c", 30, even_unknown=True) == ["c"]
    assert {(row.key, row.attempts, row.tries) for row in outbox.claim("sms", 9, 40)} == {(k, 2, 1) for k in "abc"}
    outbox.settle([Settled("a", OutboxState.SENT)], 50)
    assert ("a:2:sent", Stage.SENT, Outcome.PRESENTED) in told(outbox)  # another message id than its death had


def test_depths_leave_tests_out(outbox: Outbox) -> None:
    outbox.put([new("1"), new("2"), new("t", is_test=True), new("3", "mail")], 5)
    outbox.claim("mail", 1, 10)
    found = {(d.touchpoint, d.state): (d.count, d.oldest_ms) for d in outbox.depths()}
    assert found == {("sms", OutboxState.QUEUED): (2, 5), ("mail", OutboxState.SENDING): (1, 10)}


def test_purging_takes_what_is_over_and_told(outbox: Outbox) -> None:
    sent(outbox, "1", "p1", now_ms=100)
    sent(outbox, "2", "p2", now_ms=200)
    outbox.put([new("3")], 1)
    assert outbox.purge(150) == 0  # not told yet
    outbox.reported([report.number for report in outbox.unreported()])
    assert outbox.purge(150) == 1
    assert outbox.get("1") is None
    assert outbox.get("2") is not None
    assert outbox.get("3") is not None
    assert outbox.note_receipt("sms", "p2", Stage.BOUNCED, 300)
    assert len(told(outbox)) == 1


def test_forgetting_takes_back_and_empties(outbox: Outbox, tmp_path: Path) -> None:
    sent(outbox, "1")
    outbox.put([new("2", variables={"name": "Wang Fang"}), NewMessage("3", "sms", 8, variables={"name": "Li Na"})], 1)
    assert outbox.forget([7], Traces([]), 50) == 2
    row = outbox.get("2")
    assert row is not None
    assert (row.state, row.variables, row.reason) == (OutboxState.WITHDRAWN, {}, "forgotten")
    assert [claimed.key for claimed in outbox.claim("sms", 9, 100)] == ["3"]
