"""A world in which every reason that can be provoked is provoked, each by customers of its own; one playbook, then another."""

import json
from pathlib import Path
from typing import Any

from opportune.facts import Reason

DAY, HOUR = 86_400_000, 3_600_000
START = 1_793_491_200_000
"""2026-11-01T00:00Z; the deployment's zone is UTC."""

PROVOKED = {reason for reason in Reason if reason < Reason.NOT_TOUCHED} - {
    Reason.NO_TOUCHPOINT, Reason.SENDING_STOPPED, Reason.OUTSIDE_WORKING_HOURS,
}  # fmt: skip
"""The fates of candidates, without NO_TOUCHPOINT (a campaign that a trigger could never place anywhere is refused when it is compiled) and
what tests/engine and tests/scenarios meet: stops, working hours, and from NOT_TOUCHED on what becomes of decisions later."""

_HEAD = """
deployment: reasons
zone: UTC
currency: EUR
---
policy: default
caps:
  - {per: customer, max: 2, in: 7d}
  - {per: channel, of: post, max: 1, in: 1d}
  - {per: category, of: solo, max: 1, in: 3d}
cool_down: {after_refused: 10d, after_complaint: 20d}
quiet_hours: {from: "22:00", to: "06:00"}
holidays: [2026-11-20]
consent: required
universal_control: 10%
---
touchpoint: sms
direction: out
cost: 0.10
---
touchpoint: letter
direction: out
channel: post
cost: 0.80
---
touchpoint: visit
direction: out
capacity: {per_day: 2}
---
tag: vip
type: bool
---
tag: score
type: int
range: [0, 1000]
---
offer: plain_offer
value: 5.00
---
offer: vip_offer
value: 5.00
eligible: vip
---
offer: rare_offer
value: 5.00
stock: 1
---
event: complained
means: complaint
"""

_CAMPAIGNS: dict[str, dict[str, Any]] = {
    "plain": {
        "control": "30%",
        "goal": {"event": "ev_goal", "within": "7d"},
        "again_after": "20d",
        "offers": [{"offer": "plain_offer"}],
    },
    "expired": {"valid": {"to": "2026-10-01"}},
    "choosy": {"where": "event.amount >= 100 AND event.amount < 200"},
    "audience": {"audience": "vip AND score >= 10"},
    "cool": {"policy": {"cool_down_after_refusal": "30d"}},
    "capped": {"policy": {"caps": [{"max": 1, "in": "20d"}]}},
    "few": {"policy": {"budget": {"contacts": 1}}},
    "poor": {"policy": {"budget": {"money": "0.15"}}},
    "post": {"at": "letter"},
    "solo": {"policy": {"category": "solo"}},
    "visit": {"at": "visit"},
    "vips": {"offers": [{"offer": "vip_offer"}]},
    "rare": {"offers": [{"offer": "rare_offer"}]},
    "high": {"event": "ev_two", "lever": "3", "offers": [{"offer": "plain_offer"}]},
    "low": {"event": "ev_two", "lever": "2", "offers": [{"offer": "plain_offer"}]},
}
_SECOND: dict[str, dict[str, Any]] = {
    "few": {"policy": {"budget": {"contacts": 4}}},
    "poor": {"policy": {"budget": {"money": "0.15"}}},
    "counted": {"event": "ev_plain", "audience": "plain_30d >= 2", "lever": "9", "offers": [{"offer": "plain_offer"}]},
}
_COUNTER = """
---
tag: plain_30d
counter: {of: ev_plain, measure: count, over: 30d, bucket: day}
"""


def write_definitions(folder: Path, *, second: bool = False) -> Path:
    """The first or the second playbook as a folder of YAML."""
    folder.mkdir(exist_ok=True)
    campaigns = {**_CAMPAIGNS, **_SECOND} if second else _CAMPAIGNS
    documents = [_HEAD + (_COUNTER if second else "")]
    events = {"ev_goal", *(campaign.get("event", f"ev_{name}") for name, campaign in campaigns.items())}
    for event in sorted(events):
        documents.append(json.dumps({"event": event, "properties": {"amount": {"type": "int"}}}))
    for name, campaign in campaigns.items():
        body: dict[str, Any] = {"campaign": name, "trigger": {"event": campaign.get("event", f"ev_{name}")}}
        if "where" in campaign:
            body["trigger"]["where"] = campaign["where"]
        body["touchpoints"] = [{"at": campaign.get("at", "sms"), "push": "now"}]
        body |= {key: value for key, value in campaign.items() if key not in ("event", "where", "at")}
        documents.append(json.dumps(body))
    (folder / "all.yaml").write_text("\n---\n".join(documents), encoding="utf-8")
    return folder


def event(user: str, name: str, at: int, amount: int = 1) -> dict[str, Any]:
    """An event at so many ms after START."""
    return {"type": "track", "event": name, "userId": user, "timestamp": START + at, "properties": {"amount": amount}}


def _said(kind: str, user: str, at: int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "userId": user, "timestamp": START + at, **fields}


def first_messages() -> list[dict[str, Any]]:
    """What happens under the first playbook; the last message comes too late to trigger."""
    m: list[dict[str, Any]] = []
    noon = 12 * HOUR

    def people(name: str, many: int, consent: bool = True) -> list[str]:
        users = [f"{name}-{i}" for i in range(many)]
        for i, user in enumerate(users):
            m.append(_said("identify", user, i, traits={"score": i}))
            if consent:
                m.append(_said("consent", user, i, purpose="marketing", given=True))
        return users

    for user in people("plain", 30):
        m += [
            event(user, "ev_plain", DAY + noon),
            event(user, "ev_plain", 2 * DAY + noon),
            event(user, "ev_plain", 9 * DAY + noon),
        ]
        m += [event(user, "ev_goal", 3 * DAY + noon)] if user.endswith("1") else []
    for name in ("expired", "audience"):
        m += [event(user, f"ev_{name}", DAY + noon) for user in people(name, 2)]
    m += [event(user, "ev_choosy", DAY + noon, 100 * i) for i, user in enumerate(people("choosy", 4))]
    for user in people("still", 3):
        m += [_said("do_not_disturb", user, HOUR, on=True), event(user, "ev_plain", DAY + noon)]
    for user in people("refuser", 3):
        m += [_said("response", user, HOUR, campaign="cool", answer="refused")]
        m += [event(user, "ev_cool", DAY + noon), event(user, "ev_cool", 13 * DAY + noon)]
    m += [
        message
        for user in people("angry", 3)
        for message in (event(user, "complained", HOUR), event(user, "ev_post", DAY + noon))
    ]
    for user in people("pestered", 3):
        m += [_said("contact", user, at, campaign="few", touchpoint="sms") for at in (HOUR, 2 * HOUR)]
        m.append(event(user, "ev_post", DAY + noon))
    for name, many in (("capped", 4), ("post", 4), ("solo", 4)):
        for user in people(name, many):
            m += [event(user, f"ev_{name}", DAY + noon), event(user, f"ev_{name}", DAY + noon + HOUR)]
    for name in ("few", "poor", "rare", "visit"):
        m += [event(user, f"ev_{name}", 2 * DAY + noon + i * 60_000) for i, user in enumerate(people(name, 6))]
    m += [event("visit-5", "ev_visit", 3 * DAY + noon)]
    m += [event(user, "ev_vips", DAY + noon) for user in people("vips", 2)]
    m += [event(user, "ev_two", DAY + noon) for user in people("two", 4)]
    m += [event(user, "ev_plain", DAY + noon) for user in people("silent", 2, consent=False)]
    for user in people("withdrawn", 2):
        m += [
            _said("consent", user, HOUR, purpose="marketing", channel="sms", given=False),
            event(user, "ev_two", DAY + noon),
        ]
    m += [event(user, "ev_plain", 4 * DAY + 23 * HOUR) for user in people("night", 2)]
    m += [event(user, "ev_plain", 19 * DAY + noon) for user in people("holiday", 2)]
    m.sort(key=lambda message: int(message["timestamp"]))
    m.append(event("plain-2", "ev_two", 17 * DAY + noon))
    return m


def second_messages() -> list[dict[str, Any]]:
    """What happens under the second playbook."""
    noon = 12 * HOUR
    m = [event(f"plain-{i}", "ev_plain", 21 * DAY + noon) for i in range(12)]
    m += [event(f"few-{i}", "ev_few", 21 * DAY + noon + i) for i in range(6)]
    m += [event(f"poor-{i}", "ev_poor", 21 * DAY + noon + i) for i in range(6)]
    m += [event(f"rare-{i}", "ev_rare", 21 * DAY + noon + i) for i in range(6)]
    m.append(event("plain-0", "ev_goal", 21 * DAY + noon + 2 * HOUR))  # another hour, so that withheld counts are told
    return sorted(m, key=lambda message: int(message["timestamp"]))
