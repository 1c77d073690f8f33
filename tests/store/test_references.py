"""Names that lead nowhere and definitions that contradict each other, each at its place with a way out."""

import pytest

from opportune.store import load_files

WORLD = """\
event: recharge
properties: {amount: {type: money}, channel: {type: text}}
---
event: app_opened
at: app_home
---
tag: zone_name
type: text
---
tag: chance
type: int
---
tag: spent
counter: {of: recharge, measure: sum, value: amount}
---
touchpoint: app_home
direction: in
---
touchpoint: sms
direction: out
channel: mobile
---
offer: pack_10g
content: {sms: {en: hello}}
---
policy: default
caps: [{per: channel, of: mobile, max: 1, in: 1d}, {per: category, of: upsell, max: 1, in: 1d}]
time_zone: zone_name
---
campaign: upsell
trigger: {event: recharge}
goal: {event: recharge, within: 7d, regret: {event: recharge, within: 1d}}
touchpoints: [{at: app_home}, {at: [sms], push: now}]
offers: [{offer: pack_10g}]
propensity: chance
policy: {category: upsell}
"""


def test_the_world_fits() -> None:
    assert load_files([("w.yaml", WORLD.encode())]).problems == ()


@pytest.mark.parametrize(
    ("before", "after", "word", "message", "hint"),
    [
        (
            "trigger: {event: recharge}",
            "trigger: {event: rechrage}",
            "rechrage",
            "no event",
            "did you mean `recharge`?",
        ),
        (
            "goal: {event: recharge,",
            "goal: {event: refill,",
            "refill",
            "no event `refill`",
            "known: `app_opened`, `recharge`",
        ),
        ("regret: {event: recharge", "regret: {event: recharges", "recharges", "no event", "did you mean `recharge`?"),
        ("of: recharge,", "of: rechargee,", "rechargee", "no event", "did you mean `recharge`?"),
        ("value: amount", "value: amonut", "amonut", "no property `amonut`", "did you mean `amount`?"),
        (
            "value: amount",
            "value: channel",
            "channel",
            "`sum` cannot be taken of `channel`, a text",
            "take one of amount",
        ),
        ("at: app_home\n", "at: app_hom\n", "app_hom", "no touchpoint", "did you mean `app_home`?"),
        ("at: app_home\n", "at: sms\n", "sms", "outbound only", "direction: in"),
        ("{at: app_home}", "{at: app_hume}", "app_hume", "no touchpoint", "did you mean `app_home`?"),
        ("{at: [sms]", "{at: [app_home, sms]", "app_home, sms", "inbound only", "leave `push` out"),
        ("{at: [sms], push: now}", "{at: [sms]}", "sms]}", "nothing is ever sent", "add `push: now`"),
        ("{offer: pack_10g}", "{offer: pack_10}", "pack_10", "no offer", "did you mean `pack_10g`?"),
        (
            "[{offer: pack_10g}]",
            "[{offer: pack_10g}, {weight: 2, offer: pack_10g}]",
            "pack_10g}]",
            "there twice",
            "`weight`",
        ),
        ("content: {sms: {en", "content: {smss: {en", "{en: hello", "no touchpoint `smss`", "did you mean `sms`?"),
        ("of: mobile", "of: mobil", "mobil,", "no touchpoint has the channel", "did you mean `mobile`?"),
        ("of: upsell", "of: upsel", "upsel,", "no campaign has the category", "did you mean `upsell`?"),
        ("{per: channel, of: mobile", "{per: customer, of: mobile", "mobile,", "has no `of`", "leave `of` out"),
        ("time_zone: zone_name", "time_zone: zone_nam", "zone_nam", "no tag", "did you mean `zone_name`?"),
        ("time_zone: zone_name", "time_zone: chance", "chance\n---\ncampaign", "a time zone is a text", "type: text"),
        ("propensity: chance", "propensity: chanse", "chanse", "no tag", "did you mean `chance`?"),
        ("propensity: chance", "propensity: zone_name", "zone_name\npolicy", "parts per million", "percentage"),
        (
            "\ntouchpoints: [{at: app_home}, {at: [sms], push: now}]",
            "",
            "[{offer: pack",
            "no touchpoint to show",
            "touchpoints:",
        ),
    ],
)
def test_one_thing_wrong(before: str, after: str, word: str, message: str, hint: str) -> None:
    text = WORLD.replace(before, after, 1)
    assert text != WORLD
    (problem,) = load_files([("w.yaml", text.encode())]).problems
    at = text.index(word, text.index(after) if after else 0)
    assert (problem.line, problem.column) == (text[:at].count("\n") + 1, at - text.rfind("\n", 0, at))
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize("family", ["policy", "deployment"])
def test_two_of_what_there_is_one_of(family: str) -> None:
    first = "---\ndeployment: one\n" if family == "deployment" else ""
    text = WORLD + first + f"---\n{family}: two\n"
    (problem,) = load_files([("w.yaml", text.encode())]).problems
    assert problem.line == text.count("\n")
    assert "a deployment has one" in problem.message


def test_a_definition_that_could_not_be_read_is_not_also_unknown() -> None:
    text = WORLD.replace("properties: {amount:", "proprties: {amount:", 1).replace(
        "channel: mobile", "chanel: mobile", 1
    )
    problems = load_files([("w.yaml", text.encode())]).problems
    assert [problem.path for problem in problems] == ["proprties", "chanel"]
