"""Values that decode, yet could never work."""

import pytest

from opportune.store import load_files


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("deployment: d\nzone: Asia/Shangri-La", "zone", "no time zone"),
        ("deployment: d\ncurrency: yuan", "currency", "no currency"),
        ("deployment: d\nmoney_scale: 12", "money_scale", "12 decimals"),
        ("event: e\nmax_age: 0s", "max_age", "a time of zero"),
        ("event: e\nproperties: {at: {type: timestamp}}", "properties.at", "always means when"),
        ("event: e\nproperties: {'a b': {type: int}}", "properties.a b", "cannot be the name"),
        ("event: e\nproperties: {a: {type: int, range: [5, 1]}}", "properties.a.range", "is empty"),
        ("event: e\nproperties: {a: {type: int, range: [0, 1.5]}}", "properties.a.range[1]", "more than 0 decimals"),
        ("event: e\nproperties: {a: {type: text, range: [0, 1]}}", "properties.a.range", "only a number"),
        ("event: e\nproperties: {a: {type: int, scale: 2}}", "properties.a.scale", "only a decimal"),
        ("event: e\nproperties: {a: {type: decimal, scale: 12}}", "properties.a.scale", "12 decimals"),
        ("tag: t\ntype: int\nrange: [0, 9e18]", None, ""),
        ("tag: t\ntype: int\nrange: [0, 1e19]", "range", "wider than a value"),
        ("tag: t\ntype: decimal\nscale: 2\nrange: [0, 1e17]", "range", "wider than a value"),
        ("tag: t\ntype: int\ncategory: data/volume", None, ""),
        ("tag: t\ntype: int\ncategory: data//volume", "category", "has an empty part"),
        ("event: e\ncategory: /usage", "category", "has an empty part"),
        (
            "event: e\n---\ndetector: d\nwhen: {event: e, silent: 3d}\ncategory: usage / silence",
            "category",
            "blanks around one",
        ),
        ("tag: t", "", "the type of the tag is missing"),
        ("tag: t\ntype: set", "", "names its members"),
        ("tag: t\ntype: set\nmembers: [a, b, a]", "members[2]", "there twice"),
        ("tag: t\ntype: int\nmembers: [a]", "members", "only a set"),
        (f"tag: t\ntype: set\nmembers: {[f'm{i}' for i in range(64)]}", "members", "too many"),
        ("tag: t\nrule: a > 1\nscore: m", "score", "made in one way"),
        ("event: e\n---\ntag: t\ncounter: {of: e, measure: count, value: at}", "counter.value", "reads no value"),
        ("event: e\n---\ntag: t\ncounter: {of: e, measure: last}", "counter", "needs a value"),
        ("event: e\n---\ntag: t\ncounter: {of: e, measure: count, bucket: day}", "counter.bucket", "for life"),
        (
            "event: e\n---\ntag: t\ncounter: {of: e, measure: count, over: 36h, bucket: day}",
            "counter.over",
            "whole number of days",
        ),
        (
            "event: e\n---\ntag: t\ncounter: {of: e, measure: count, over: 90d, bucket: hour}",
            "counter.over",
            "2,160 buckets",
        ),
        ("event: e\n---\ntag: t\ncounter: {of: e, measure: count, over: 42d, bucket: hour}", None, ""),
        ("touchpoint: t\ndirection: in\ncost: -1", "cost", "out of range"),
        ("touchpoint: t\ndirection: in\ncost: 0.005", "cost", "more than the 2 decimals"),
        ("touchpoint: t\ndirection: in\ncapacity: {per_day: 0}", "capacity.per_day", "out of range"),
        ("touchpoint: t\ndirection: in\nquiet_hours: {from: '09:00', to: '09:00'}", "quiet_hours", "are none"),
        ("offer: o\nvalue: 1000000.01", "value", "out of range"),
        ("offer: o\nvalue: 1000000.00", None, ""),
        ("offer: o\nstock: 0", None, ""),
        ("offer: o\nstock: -1", "stock", "out of range"),
        ("campaign: c\nlever: 0", "lever", "out of range"),
        ("campaign: c\nlever: 100.5", "lever", "out of range"),
        ("campaign: c\nagain_after: 0d", None, ""),
        ("campaign: c\nagain_after: 9999d", "again_after", "too long"),
        ("campaign: c\npropensity: 101%", "propensity", "more than 100%"),
        ("campaign: c\nvalid: {from: 2026-02-30}", "valid.from", "in the calendar"),
        ("campaign: c\nvalid: {to: 31.12.2026}", "valid.to", "is no day"),
        ("campaign: c\nvalid: {from: 2026-12-31, to: 2026-12-01}", "valid", "never runs"),
        ("campaign: c\npolicy: {caps: [{max: 0, in: 1d}]}", "policy.caps[0].max", "out of range"),
        ("campaign: c\npolicy: {budget: {contacts: 0}}", "policy.budget.contacts", "out of range"),
        ("policy: p\ncaps: [{per: customer, max: 0, in: 7d}]", "caps[0].max", "out of range"),
        ("policy: p\ncaps: [{per: customer, max: 1, in: 0d}]", "caps[0].in", "a time of zero"),
        ("policy: p\nholidays: [2026-13-01]", "holidays[0]", "in the calendar"),
    ],
)
def test_values(text: str, path: str | None, message: str) -> None:
    problems = load_files([("f.yaml", text.encode())]).problems
    assert [problem.path for problem in problems] == ([] if path is None else [path])
    assert all(message in problem.message and problem.hint and problem.line for problem in problems)


def test_money_follows_the_deployment() -> None:
    text = "deployment: d\nmoney_scale: 3\n---\ntouchpoint: t\ndirection: in\ncost: 0.005"
    assert load_files([("f.yaml", text.encode())]).problems == ()
