"""What changes decisions and what changes only words, and how a change is told."""

from textwrap import dedent

import pytest

from opportune.store import (
    WORDS,
    Definitions,
    FieldChange,
    difference,
    fingerprint_of,
    load_files,
    playbook_fingerprint,
)

TEXT = """\
    event: e
    title: {en: Event, zh: 事件}
    properties: {amount: {type: money, note: net}}
    ---
    offer: o
    value: 12.00
    content: {sms: {en: hello}}
    ---
    offer: p
    ---
    touchpoint: sms
    direction: out
    ---
    campaign: c
    note: first try
    control: 10%
    goal: {event: e, within: 7d}
    touchpoints: [{at: sms, push: now}]
    offers: [{offer: o, weight: 2}, {offer: p}]
    """


def load(before: str = "", after: str = "") -> Definitions:
    text = dedent(TEXT)
    assert before in text
    loaded = load_files([("f.yaml", text.replace(before, after, 1).encode())])
    assert loaded.problems == ()
    return loaded


@pytest.mark.parametrize(
    ("family", "name", "before", "after"),
    [
        ("offer", "o", "value: 12.00", "value: 12"),
        ("offer", "o", "value: 12.00", 'value: "+12.000"'),
        ("campaign", "c", "within: 7d", "within: 1w"),
        ("campaign", "c", "within: 7d", "within: 168h"),
        ("campaign", "c", "control: 10%", "control: 10.0%"),
        ("campaign", "c", "control: 10%", "paused: false\ncontrol: 10%"),
        ("offer", "p", "offer: p", "offer: p\nvalue: 1.0"),
    ],
)
def test_another_way_to_write_the_same_is_the_same(family: str, name: str, before: str, after: str) -> None:
    old, new = load(), load(before, after)
    assert fingerprint_of(family, old.of(family)[name]) == fingerprint_of(family, new.of(family)[name])
    assert difference(old, new) == []
    assert playbook_fingerprint(old) == playbook_fingerprint(new)


@pytest.mark.parametrize(
    ("family", "name", "before", "after", "change"),
    [
        ("event", "e", "zh: 事件", "zh: 大事", FieldChange("title.zh", "事件", "大事")),
        ("event", "e", "note: net", "note: gross", FieldChange("properties.amount.note", "net", "gross")),
        ("offer", "o", "en: hello", "en: hi", FieldChange("content.sms.en", "hello", "hi")),
        ("campaign", "c", "note: first try", "owner: me\nnote: first try", FieldChange("owner", "", "me")),
    ],
)
def test_words_change_no_decision(family: str, name: str, before: str, after: str, change: FieldChange) -> None:
    old, new = load(), load(before, after)
    was, now = (fingerprint_of(family, each.of(family)[name]) for each in (old, new))
    assert was.decides == now.decides
    assert was.words != now.words
    (found,) = difference(old, new)
    assert (found.family, found.name, found.kind, found.words_only, found.fields) == (
        family,
        name,
        "changed",
        True,
        (change,),
    )
    assert playbook_fingerprint(old).decides == playbook_fingerprint(new).decides


@pytest.mark.parametrize(
    ("family", "name", "before", "after", "changes"),
    [
        ("campaign", "c", "control: 10%", "control: 12.5%", [FieldChange("control", "10%", "12.5%")]),
        ("campaign", "c", "within: 7d", "within: 36h", [FieldChange("goal.within", "7d", "36h")]),
        ("campaign", "c", "control: 10%\n", "", [FieldChange("control", "10%", "0%")]),
        ("campaign", "c", "weight: 2", "weight: 3", [FieldChange("offers[o].weight", 2, 3)]),
        ("campaign", "c", "{offer: o, weight: 2}, {offer: p}", "{offer: p}, {offer: o, weight: 2}",
         [FieldChange("offers", ["o", "p"], ["p", "o"])]),
        ("campaign", "c", "goal: {event: e, within: 7d}", "again_after: 1d",
         [FieldChange("again_after", None, "1d"), FieldChange("goal.event", "e", None), FieldChange("goal.within", "7d", None)]),
        ("event", "e", "type: money", "personal: true, type: money", [FieldChange("properties.amount.personal", False, True)]),
        ("touchpoint", "sms", "direction: out", "direction: both", [FieldChange("direction", "out", "both")]),
    ],
)  # fmt: skip
def test_what_decides(family: str, name: str, before: str, after: str, changes: list[FieldChange]) -> None:
    old, new = load(), load(before, after)
    was, now = (fingerprint_of(family, each.of(family)[name]) for each in (old, new))
    assert was.decides != now.decides
    assert was.words == now.words
    (found,) = difference(old, new)
    assert not found.words_only
    told = sorted(
        (field for field in found.fields if (field.before, field.after) != (None, None)), key=lambda f: f.path
    )
    assert [field for field in told if field in changes] == changes
    assert all(field in changes or field.before in (None, "") or field.after in (None, "") for field in told)


def test_added_and_removed() -> None:
    old, new = load(), load("offer: p\n---", "offer: q\n---\noffer: p\n---")
    assert [(c.family, c.name, c.kind) for c in difference(old, new)] == [("offer", "q", "added")]
    assert [(c.family, c.name, c.kind) for c in difference(new, old)] == [("offer", "q", "removed")]
    assert playbook_fingerprint(old) != playbook_fingerprint(new)


def test_the_order_of_definitions_does_not_matter() -> None:
    documents = dedent(TEXT).split("---\n")
    turned = load_files([("f.yaml", "---\n".join(reversed([d.rstrip("\n") + "\n" for d in documents])).encode())])
    assert playbook_fingerprint(turned) == playbook_fingerprint(load())


def test_every_family_says_what_its_words_are() -> None:
    for family, name, definition in load().all():
        keys = set(dir(definition))
        assert {pattern.split(".")[0] for pattern in WORDS[family]} <= keys, (family, name)
