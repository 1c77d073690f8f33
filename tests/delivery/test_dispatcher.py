"""The dispatcher between a real outbox and real servers: pace, retries, doubt, halts, draining, crashes of the taker of reports."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opportune.delivery import (
    Channel,
    Deferred,
    Dispatcher,
    Lane,
    Message,
    ProviderReceipt,
    Withheld,
    channel_of,
)  # fmt: skip
from opportune.facts import Outcome
from opportune.store import (
    Inbox,
    InboxState,
    NewMessage,
    Outbox,
    OutboxRow,
    OutboxState,
    People,
    Report,
    Secrets,
    Stage,
)
from tests.delivery.suite import until
from tests.delivery.web_server import Hook, web_server

SECRETS = Secrets(bytes(range(16)))


SECRET = "whsec_" + "M" * 32


class Scene:
    """One dispatcher at work, and what it was told and tells."""

    def __init__(self, folder: Path, hook: Hook) -> None:
        self.folder, self.hook = folder, hook
        self.outbox = Outbox(folder)
        self.reports: list[Report] = []
        self.composed: list[str] = []
        self.dispatcher: Dispatcher | None = None

    async def compose(self, row: OutboxRow) -> Message | Withheld | Deferred:
        """The address is what the variables say, and so is everything else."""
        self.composed.append(row.key)
        if "withheld" in row.variables:
            return Withheld(row.variables["withheld"])
        if "defer" in row.variables and row.attempts == 1:
            return Deferred(time.time_ns() // 1_000_000 + 300, "quiet_hours")
        if "broken" in row.variables:
            raise RuntimeError("no such offer")
        return Message(row.key, row.touchpoint, row.customer, row.variables.get("to", "device"), text="x")

    async def report(self, reports: list[Report]) -> None:
        self.reports += reports

    def put(self, *keys: str, touchpoint: str = "hook", **more: Any) -> None:
        fields = {name: more.pop(name) for name in list(more) if name in ("is_test", "at_least_once", "until_ms")}
        self.outbox.put([NewMessage(key, touchpoint, 7, variables=more, **fields) for key in keys], 1)

    def states(self) -> dict[str, str]:
        return {row.key: row.state.value for state in OutboxState for row in self.outbox.messages(state)}

    def told(self) -> list[tuple[str, Stage, Outcome | None]]:
        return sorted((report.message_id, report.stage, report.outcome) for report in self.reports)

    @asynccontextmanager
    async def running(
        self, *lanes: Lane, channels: dict[str, Channel] | None = None, **more: Any
    ) -> AsyncIterator[Dispatcher]:
        url = f"http://127.0.0.1:{self.hook.port}/hook"
        hook = channel_of("webhook", {"url": url, "secrets": [SECRET], "timeout_s": 2.0})
        lanes = lanes or (lane(),)
        made = {each.touchpoint: hook for each in lanes} | (channels or {})
        report = more.pop("report", self.report)
        self.dispatcher = Dispatcher(self.outbox, lanes, made, self.compose, report, chance=random.Random(7), **more)
        running = asyncio.create_task(self.dispatcher.run())
        try:
            yield self.dispatcher
        finally:
            await self.dispatcher.drain(5.0)
            await running


def lane(touchpoint: str = "hook", **more: Any) -> Lane:
    settings: dict[str, Any] = {"backoff_ms": 20, "look_every_ms": 20, "answer_ms_max": 3_000, "account": "hooks"}
    return Lane(touchpoint, **(settings | more))


def play(folder: Path, scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def scene() -> None:
        with web_server() as hook:
            stage = Scene(folder, hook)
            try:
                async with asyncio.timeout(60):
                    await scenario(stage)
            finally:
                stage.outbox.close()

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("fields", "state", "ends", "attempts"),
    [
        ({}, "sent", [("1:1:sent", Stage.SENT, Outcome.PRESENTED)], 1),
        ({"to": "refused"}, "failed", [("1:1:failed", Stage.FAILED, Outcome.FAILED)], 1),
        ({"to": "flaky"}, "sent", [("1:3:sent", Stage.SENT, Outcome.PRESENTED)], 3),
        ({"to": "later"}, "dead", [("1:4:failed", Stage.FAILED, Outcome.FAILED)], 4),
        ({"to": "lost"}, "unknown", [("1:1:unknown", Stage.UNKNOWN, Outcome.UNKNOWN)], 1),
        ({"to": "lost", "at_least_once": True}, "unknown", [("1:4:unknown", Stage.UNKNOWN, Outcome.UNKNOWN)], 4),
        ({"withheld": "no_address"}, "failed", [("1:1:failed", Stage.FAILED, Outcome.FAILED)], 0),
        ({"broken": True}, "dead", [("1:4:failed", Stage.FAILED, Outcome.FAILED)], 0),
        ({"defer": True}, "sent", [("1:2:sent", Stage.SENT, Outcome.PRESENTED)], 1),
        ({"is_test": True}, "sent", [], 1),
    ],
)
def test_every_end_is_written_and_told_once(
    fields: dict[str, Any], state: str, ends: list[Any], attempts: int, tmp_path: Path
) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put("1", **fields)
        async with stage.running(lane(tries=4)):
            await until(lambda: stage.states()["1"] == state)
        assert stage.told() == ends
        assert stage.hook.asked == attempts
        assert stage.outbox.unreported() == []

    play(tmp_path, scenario)


def test_a_slow_channel_does_not_delay_another(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put(*(f"s{n}" for n in range(20)), touchpoint="slow", to="slow")
        stage.put(*(f"f{n}" for n in range(20)), touchpoint="fast")
        began = time.monotonic()
        async with stage.running(lane("slow", in_flight_max=1), lane("fast")):
            await until(lambda: sum(state == "sent" for key, state in stage.states().items() if key[0] == "f") == 20)
            assert time.monotonic() - began < 3.0
            assert sum(state == "sent" for key, state in stage.states().items() if key[0] == "s") < 20

    play(tmp_path, scenario)


def test_seats_and_pace_hold(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put(*(str(n) for n in range(12)), touchpoint="seats", to="slow")
        stage.put(*(f"p{n}" for n in range(30)), touchpoint="paced")
        most = 0
        began = time.monotonic()
        async with stage.running(lane("seats", in_flight_max=3), lane("paced", per_second=20)) as dispatcher:
            while not all(state == "sent" for state in stage.states().values()):
                health = {each.touchpoint: each for each in dispatcher.health()}
                most = max(most, health["seats"].in_flight)
                await asyncio.sleep(0.02)
        assert most == 3
        assert time.monotonic() - began >= 29 / 20

    play(tmp_path, scenario)


def test_the_days_volume_ends_the_day(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put(*(str(n) for n in range(9)))
        async with stage.running(lane(per_day=4)):
            await until(lambda: list(stage.states().values()).count("sent") == 4)
            await asyncio.sleep(0.3)
        assert list(stage.states().values()).count("queued") == 5
        assert stage.hook.asked == 4

    play(tmp_path, scenario)


def test_a_busy_provider_makes_the_whole_lane_rest(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put("0", to="busy")
        async with stage.running(lane(in_flight_max=1)) as dispatcher:
            await until(lambda: stage.hook.asked == 1)
            stage.put("1")
            await asyncio.sleep(0.5)  # it asked for 7 seconds
            assert stage.hook.asked == 1
            assert dispatcher.health()[0].resting == "http_429"

    play(tmp_path, scenario)


def test_gone_halts_the_touchpoint_until_someone_says_go_on(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put("0", to="gone")
        async with stage.running(lane(), lane("other")) as dispatcher:
            await until(lambda: stage.states()["0"] == "failed")
            stage.put("1")
            stage.put("2", touchpoint="other")
            await until(lambda: stage.states()["2"] == "sent")
            assert stage.states()["1"] == "queued"
            assert stage.outbox.halts() == {"hook": "gone"}
            await dispatcher.go_on("hook")
            await until(lambda: stage.states()["1"] == "sent")

    play(tmp_path, scenario)


def test_stop_acts_within_one_batch_and_what_was_claimed_goes_back(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put(*(str(n) for n in range(60)), to="slow")
        async with stage.running(lane(in_flight_max=4)) as dispatcher:
            await until(lambda: stage.hook.asked >= 4)
            await dispatcher.stop("asked")
            asked = stage.hook.asked
            await until(lambda: "sending" not in stage.states().values())
            assert stage.hook.asked <= asked + 4
            asked = stage.hook.asked
            await asyncio.sleep(0.6)
            assert stage.hook.asked == asked
            assert list(stage.states().values()).count("queued") == 60 - asked
            await dispatcher.go_on()
            await until(lambda: stage.hook.asked > asked)

    play(tmp_path, scenario)


def test_composing_is_asked_right_before_each_attempt(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put("1", to="flaky")
        async with stage.running():
            await until(lambda: stage.states()["1"] == "sent")
        assert stage.composed == ["1"] * 3

    play(tmp_path, scenario)


def test_reports_are_told_again_until_they_are_taken(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        refused: list[list[str]] = []

        async def taker(reports: list[Report]) -> None:
            if len(refused) < 2:
                refused.append([report.message_id for report in reports])
                raise OSError("the journal is away")
            stage.reports += reports

        stage.put("1")
        async with stage.running(report=taker) as dispatcher:
            await until(lambda: bool(refused))
            assert "the journal is away" in dispatcher.health()[0].trouble
            await until(lambda: bool(stage.reports))
        assert refused == [["1:1:sent"]] * 2
        assert [report.message_id for report in stage.reports] == ["1:1:sent"]

    play(tmp_path, scenario)


def test_draining_waits_for_what_is_on_its_way_and_begins_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put(*(str(n) for n in range(20)), to="slow")
        async with stage.running(lane(in_flight_max=5)):
            await until(lambda: stage.hook.asked == 5)
        states = list(stage.states().values())
        assert (states.count("sent"), states.count("queued")) == (5, 15)
        assert len(stage.reports) == 5

    play(tmp_path, scenario)


def test_what_is_not_back_by_the_deadline_is_unknown(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put("1", to="silent")
        async with stage.running() as dispatcher:
            await until(lambda: stage.hook.asked == 1)
            await dispatcher.drain(0.1)
        assert stage.states() == {"1": "unknown"}
        assert stage.told() == [("1:1:unknown", Stage.UNKNOWN, Outcome.UNKNOWN)]

    play(tmp_path, scenario)


def test_a_dead_workers_rows_are_recovered_at_start(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        dead = Outbox(tmp_path)
        stage.put("1", "2")
        stage.put("3", at_least_once=True)
        assert len(dead.claim("hook", 3, 10)) == 3
        dead.close()
        async with stage.running():
            await until(lambda: stage.states()["3"] == "sent")
        assert stage.states() == {"1": "unknown", "2": "unknown", "3": "sent"}
        assert stage.hook.asked == 1

    play(tmp_path, scenario)


def test_two_dispatchers_share_an_outbox_and_send_each_message_once(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        other = Scene(tmp_path, stage.hook)
        stage.put(*(str(n) for n in range(80)))
        async with stage.running(), other.running():
            await until(lambda: all(state == "sent" for state in stage.states().values()))
        ids = [headers["webhook-id"] for headers, _ in stage.hook.taken]
        assert sorted(ids, key=int) == [str(n) for n in range(80)]
        told = [report.message_id for report in stage.reports + other.reports]
        assert set(told) == {f"{n}:1:sent" for n in range(80)}
        other.outbox.close()

    play(tmp_path, scenario)


def test_a_message_in_the_inbox_is_told_when_the_app_says_so(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        inbox = Inbox(tmp_path, People(tmp_path, SECRETS))
        stage.put("1", touchpoint="app")
        async with stage.running(lane("app"), channels={"app": channel_of("inbox", {}, inbox=inbox)}):
            await until(lambda: stage.states()["1"] == "sent")
            await asyncio.sleep(0.1)
            assert stage.reports == []
            inbox.say("1", 7, InboxState.PRESENTED, 50)
            await until(lambda: bool(stage.reports), 15)
        assert stage.told() == [("1:1:presented", Stage.PRESENTED, Outcome.PRESENTED)]
        inbox.close()

    play(tmp_path, scenario)


def test_receipts_that_come_later_are_told(tmp_path: Path) -> None:
    async def scenario(stage: Scene) -> None:
        stage.put("1")
        async with stage.running() as dispatcher:
            await until(lambda: len(stage.reports) == 1)
            assert await dispatcher.receive("hook", ProviderReceipt(Stage.COMPLAINED, key="1", reason="abuse"))
            assert not await dispatcher.receive("hook", ProviderReceipt(Stage.COMPLAINED, key="1", reason="abuse"))
            await until(lambda: len(stage.reports) == 2)
        assert stage.told()[0] == ("1:1:complained", Stage.COMPLAINED, None)

    play(tmp_path, scenario)


def test_a_lane_without_channel_and_wrong_seats_are_refused(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    stage_less: Any = None
    with pytest.raises(KeyError, match="hook"):
        Dispatcher(outbox, [lane()], {}, stage_less, stage_less)
    with pytest.raises(ValueError, match="in_flight_max"):
        Dispatcher(outbox, [lane(in_flight_max=0)], {"hook": stage_less}, stage_less, stage_less)
    with pytest.raises(ValueError, match="account"):
        Dispatcher(
            outbox,
            [lane(), lane("other", account="x")],
            {"hook": stage_less, "other": stage_less},
            stage_less,
            stage_less,
        )
    outbox.close()
