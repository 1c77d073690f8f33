"""First touch wins, told in dates: whoever the customer comes to first shows the offer, the others keep silent, nothing is lost."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.engine import DefinitionSet, Engine, Playbook, PlaybookError
from opportune.facts import (
    NOBODY,
    NULL,
    BatchBuilder,
    DeploymentDefinition,
    EventDefinition,
    FactKind,
    MoveKind,
    Outcome,
    Outputs,
    Reason,
    decode_scalar,
)
from opportune.policy import PolicyDefinition

MAY = 0
ANN, BEN = 0, 1
WAITING_STEPS = [
    {"at": ["app", "shop"], "wait": "24h"},
    {"at": "sms", "push": "now"},
    {"at": "email", "push": "now"},
]


def moment(text: str) -> int:
    """Milliseconds of `8 Jan 10:00` (2026, UTC)."""
    at = datetime.strptime(f"2026 {text}", "%Y %d %b %H:%M").replace(tzinfo=UTC)
    return int(at.timestamp()) * 1000


def define(kind: type, **fields: Any) -> Any:
    """A definition from its YAML-like fields."""
    return msgspec.convert(fields, kind, strict=False, dec_hook=decode_scalar)


def definitions(contact_policy: dict[str, Any] | None = None, **campaign: Any) -> DefinitionSet:
    """An upsell campaign: the app or the shop for a day, then SMS, then e-mail."""
    touchpoints: dict[str, dict[str, Any]] = {
        "app": {"direction": "in", "lease": "10m", "cost": "0.01"},
        "shop": {"direction": "in", "lease": "1h", "slots": 2},
        "sms": {"direction": "out", "delivery": {"by": "smpp"}, "cost": "0.05"},
        "email": {"direction": "out", "delivery": {"by": "smtp"}},
    }
    fields: dict[str, Any] = {
        "trigger": {"event": "data_used_up"},
        "touchpoints": WAITING_STEPS,
        "offers": [{"offer": "pack"}],
        "goal": {"event": "pack_bought", "within": "7d"},
        **campaign,
    }
    return DefinitionSet(
        DeploymentDefinition("shop", zone="UTC"),
        define(PolicyDefinition, policy="default", **{"consent": "assumed", **(contact_policy or {})}),
        {name: define(EventDefinition, event=name) for name in ("data_used_up", "pack_bought")},
        {},
        {name: define(TouchpointDefinition, touchpoint=name, **one) for name, one in touchpoints.items()},
        {"pack": define(OfferDefinition, offer="pack", stock=5, cost="1.50", value="12")},
        {"upsell": define(CampaignDefinition, campaign="upsell", **fields)},
    )


class Story:
    """A deployment of two customers; every line of a story is one fact, and gives the moves that it led to."""

    def __init__(self, contact_policy: dict[str, Any] | None = None, **campaign: Any) -> None:
        self.playbook = Playbook(definitions(contact_policy, **campaign))
        self.names = self.playbook.numbering.names
        self.engine = Engine(customers_max=8)
        self.told: list[Outputs] = []
        builder = BatchBuilder()
        builder.add_body(FactKind.PLAYBOOK, self.playbook.body().encode(), moment("8 Jan 08:00"))
        for customer in (ANN, BEN):
            builder.add(FactKind.CUSTOMER, 0, customer, MAY, moment("8 Jan 08:00"), (customer,))
        self.engine.process(builder.build())

    def _fact(self, when: str, kind: FactKind, code: int, customer: int, values: tuple[int, ...]) -> list[str]:
        builder = BatchBuilder()
        builder.add(kind, code, customer, moment(when), moment(when), values)
        self.told.append(self.engine.process(builder.build()))
        return [self._say(row) for row in self.told[-1].moves]

    def _say(self, row: Any) -> str:
        touchpoint, reason = int(row["touchpoint"]), Reason(int(row["reason"]))
        said = MoveKind(int(row["kind"])).name.lower()
        if touchpoint != 0xFFFF:
            said += f" {self.names['touchpoint'][touchpoint]}"
        return said if reason is Reason.PROPOSED else f"{said}: {reason.name}"

    def happens(self, when: str, event: str, customer: int = ANN) -> list[str]:
        """An event of a customer."""
        return self._fact(when, FactKind.EVENT, self.names["event"].index(event), customer, ())

    def touches(self, when: str, touchpoint: str, customer: int = ANN, slots: int = 1) -> list[str]:
        """A customer comes to a touchpoint."""
        return self._fact(when, FactKind.TOUCH, self.names["touchpoint"].index(touchpoint), customer, (slots,))

    def answers(
        self, when: str, touchpoint: str, outcome: Outcome, decision: int = 0, customer: int = ANN
    ) -> list[str]:
        """A touchpoint says what became of a decision."""
        values = (decision, int(outcome), 0, NULL)
        return self._fact(when, FactKind.RECEIPT, self.names["touchpoint"].index(touchpoint), customer, values)

    def sending(self, when: str, stopped: bool) -> list[str]:
        """All sending is stopped, or goes on."""
        return self._fact(when, FactKind.SENDING, 0, NOBODY, (int(stopped),))

    def time(self, when: str) -> list[str]:
        """Time passes."""
        return self._fact(when, FactKind.TICK, 0, NOBODY, ())

    def left(self, limit: str) -> int:
        """Units of a limit that are left."""
        return int(self.engine.to_arrays()["limits"][self.names["limit"].index(limit), 0])


def test_the_app_is_touched_first_and_shop_and_sms_keep_silent() -> None:
    story = Story()
    assert story.happens("8 Jan 10:00", "data_used_up") == ["opened"]
    decision = story.told[-1].decisions[0]
    assert (int(decision["touchpoint"]), int(decision["cost"])) == (0xFFFF, 0)
    assert story.touches("8 Jan 11:00", "app") == ["leased app"]
    assert story.left("offer/pack/stock") == 4
    assert story.touches("8 Jan 11:01", "shop") == []
    assert story.answers("8 Jan 11:02", "app", Outcome.PRESENTED) == ["presented app"]
    assert story.touches("8 Jan 11:03", "shop") == []
    assert story.time("9 Jan 10:00") == []
    assert story.time("12 Jan 10:00") == []
    assert story.engine.counts["open_decisions"] == 0


def test_nobody_is_touched_and_sms_goes_out_after_a_day() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    assert story.time("9 Jan 09:59") == []
    assert story.time("9 Jan 10:00") == ["pushed sms"]
    assert int(story.told[-1].moves[0]["cost"]) == 155
    assert story.answers("9 Jan 10:01", "sms", Outcome.PRESENTED) == ["presented sms"]
    assert story.time("12 Jan 10:00") == []


def test_the_app_dies_with_the_offer_in_its_hands_and_the_shop_gets_it() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    assert story.touches("8 Jan 11:00", "app") == ["leased app"]
    assert story.touches("8 Jan 11:09", "shop") == []
    assert story.touches("8 Jan 11:10", "shop") == ["released app: LEASE_OVER", "leased shop"]
    assert story.left("offer/pack/stock") == 4
    assert story.answers("8 Jan 11:20", "app", Outcome.FAILED) == [], "it does not have the decision any more"
    assert story.answers("8 Jan 11:30", "shop", Outcome.ACCEPTED) == ["presented shop"]
    assert story.answers("8 Jan 11:30", "shop", Outcome.ACCEPTED) == [], "told twice, counted once"


def test_the_app_shows_it_after_its_lease_when_the_shop_has_it() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    story.touches("8 Jan 11:00", "app")
    assert story.touches("8 Jan 11:15", "shop") == ["released app: LEASE_OVER", "leased shop"]
    late = story.answers("8 Jan 11:16", "app", Outcome.PRESENTED)
    assert late == ["presented app: PRESENTED_LATE", "withdrawn shop: PRESENTED_LATE"]
    assert story.touches("8 Jan 11:17", "app") == []
    assert story.time("8 Jan 12:15") == ["released shop: LEASE_OVER"]
    assert story.left("offer/pack/stock") == 4


def test_a_repeated_request_gets_the_same_decision_and_reserves_nothing_twice() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    for minute in range(5):
        assert story.touches(f"8 Jan 11:0{minute}", "app") == ["leased app"]
        assert int(story.told[-1].moves[0]["until_ms"]) == moment(f"8 Jan 11:1{minute}")
        assert story.left("offer/pack/stock") == 4
    assert story.time("8 Jan 11:14") == ["released app: LEASE_OVER"]
    assert story.left("offer/pack/stock") == 5


def test_a_touchpoint_that_asks_for_ever_does_not_keep_a_decision_for_ever() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    for hour in range(11, 24):
        story.touches(f"8 Jan {hour}:00", "shop")
    for minute in range(0, 60, 5):
        story.touches(f"9 Jan 09:{minute:02}", "shop")
    assert story.touches("9 Jan 10:50", "shop") == ["leased shop"], "still its own, but no longer than before"
    assert story.time("9 Jan 10:54") == []
    assert story.time("9 Jan 10:55") == ["released shop: LEASE_OVER", "pushed sms"]


def test_sms_fails_and_the_next_channel_sends() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    story.time("9 Jan 10:00")
    assert story.answers("9 Jan 10:01", "sms", Outcome.FAILED) == ["released sms: DELIVERY_FAILED", "pushed email"]
    assert story.answers("9 Jan 10:02", "email", Outcome.FAILED) == [
        "released email: DELIVERY_FAILED",
        "closed: DELIVERY_FAILED",
    ]
    assert story.left("offer/pack/stock") == 5


def test_a_send_that_nobody_can_tell_the_end_of_counts_and_is_not_sent_again() -> None:
    story = Story({"caps": [{"per": "customer", "max": 1, "in": "7d"}]}, again_after="1h", goal=None)
    story.happens("8 Jan 10:00", "data_used_up")
    assert story.time("9 Jan 10:00") == ["pushed sms"]
    assert story.time("9 Jan 11:00") == ["unknown sms: LEASE_OVER"]
    assert story.answers("9 Jan 11:30", "sms", Outcome.FAILED) == []
    assert story.happens("9 Jan 12:00", "data_used_up") == ["opened"], "her cap blocks pushes, not what she comes for"
    assert story.time("10 Jan 12:00") == ["closed: CAP_CUSTOMER"]


def test_what_falls_into_quiet_hours_is_deferred_to_nine() -> None:
    quiet = {"quiet_hours": {"from": "21:00", "to": "09:00"}}
    steps = [{"at": "sms", "push": "now"}]
    story = Story(quiet, touchpoints=steps, policy={"in_quiet_hours": "defer"})
    assert story.happens("8 Jan 22:10", "data_used_up") == ["opened: QUIET_HOURS"]
    assert int(story.told[-1].moves[0]["until_ms"]) == moment("9 Jan 09:00")
    assert story.time("9 Jan 08:59") == []
    assert story.time("9 Jan 09:00") == ["pushed sms"]
    dropping = Story(quiet, touchpoints=steps)
    assert dropping.happens("8 Jan 22:10", "data_used_up") == []
    assert not len(dropping.told[-1].decisions)


def test_a_push_is_deferred_for_three_days_at_most() -> None:
    holidays = {"holidays": ["2026-01-09", "2026-01-10", "2026-01-11", "2026-01-12"]}
    story = Story(
        holidays,
        touchpoints=[{"at": "app", "wait": "20h"}, {"at": "sms", "push": "now"}],
        policy={"in_quiet_hours": "defer"},
    )
    story.happens("8 Jan 10:00", "data_used_up")
    assert story.time("9 Jan 06:00") == ["closed: HOLIDAY"]


def test_all_sending_is_stopped_and_nothing_leaves() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    story.sending("8 Jan 12:00", True)
    assert story.time("9 Jan 10:00") == ["closed: SENDING_STOPPED"]
    assert story.happens("9 Jan 10:00", "data_used_up", BEN) == ["opened"], "who comes by herself is still shown offers"
    assert story.touches("9 Jan 10:05", "app", BEN) == ["leased app"]


def test_a_stop_defers_what_may_be_deferred_until_sending_goes_on() -> None:
    story = Story(touchpoints=[{"at": "sms", "push": "now"}], policy={"in_quiet_hours": "defer"})
    story.sending("8 Jan 12:00", True)
    assert story.happens("8 Jan 12:05", "data_used_up") == ["opened: SENDING_STOPPED"]
    for hour in range(13, 20):
        assert story.time(f"8 Jan {hour}:00") == []
    story.sending("8 Jan 20:01", False)
    assert story.time("8 Jan 20:09") == []
    assert story.time("8 Jan 20:10") == ["pushed sms"]


def test_reaching_the_goal_takes_the_offer_back_everywhere() -> None:
    story = Story()
    story.happens("8 Jan 10:00", "data_used_up")
    assert story.happens("8 Jan 12:00", "pack_bought") == ["withdrawn: GOAL_REACHED"]
    assert story.touches("8 Jan 12:01", "app") == []
    story.happens("8 Jan 13:00", "data_used_up", BEN)
    story.touches("8 Jan 13:00", "app", BEN)
    assert story.happens("8 Jan 13:01", "pack_bought", BEN) == ["withdrawn app: GOAL_REACHED"]
    assert story.answers("8 Jan 13:02", "app", Outcome.PRESENTED, 1, BEN) == ["presented app: GOAL_REACHED"], (
        "it happened"
    )


def test_two_decisions_for_two_slots_best_first() -> None:
    other = {"touchpoints": WAITING_STEPS, "trigger": {"event": "data_used_up"}}
    d = definitions(again_after="0s", lever="2")
    second = define(CampaignDefinition, campaign="second", again_after="0s", **other)
    story = Story()
    story.playbook = Playbook(msgspec.structs.replace(d, campaigns=d.campaigns | {"second": second}))
    story.names = story.playbook.numbering.names
    story.engine = Engine(customers_max=8)
    builder = BatchBuilder()
    builder.add_body(FactKind.PLAYBOOK, story.playbook.body().encode(), moment("8 Jan 08:00"))
    builder.add(FactKind.CUSTOMER, 0, ANN, MAY, moment("8 Jan 08:00"), (7,))
    story.engine.process(builder.build())
    assert story.happens("8 Jan 10:00", "data_used_up") == ["opened"]
    assert story.happens("8 Jan 10:01", "data_used_up") == ["opened"], (
        "the first campaign's decision is open: the second's turn"
    )
    assert story.touches("8 Jan 10:02", "shop", slots=5) == ["leased shop", "leased shop"]
    moves = story.told[-1].moves
    assert [story.names["campaign"][m["campaign"]] for m in moves] == ["upsell", "second"]


def problems(**campaign: Any) -> str:
    """What the compiler says of a campaign."""
    with pytest.raises(PlaybookError) as found:
        Playbook(definitions(**campaign))
    return str(found.value)


def test_steps_that_cannot_work_are_refused_when_they_are_saved() -> None:
    assert "pushes nothing" in problems(touchpoints=[{"at": "app", "wait": "1h", "push": "now"}])
    assert "nobody can touch `sms`" in problems(touchpoints=[{"at": "sms", "wait": "1h"}])
    assert "between 1m and 40d" in problems(touchpoints=[{"at": "app", "wait": "30s"}])
    assert "twice in one step" in problems(touchpoints=[{"at": ["app", "app"], "wait": "1h"}])
    assert "trigger.where" in problems(audience="event.at > TIMESTAMP '2026-01-01 00:00:00'")
