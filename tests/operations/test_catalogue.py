"""The catalogues: search, tree, what a tag comes from and who uses it, which playbook changed what, how often events were seen."""

from pathlib import Path
from typing import Any

import pytest

from opportune.operations import (
    DefinitionsRefusedError,
    Deployment,
    DeploymentError,
    EventCounts,
    EventFilter,
    Lineage,
    TagFilter,
    category_tree,
    create_deployment,
    event_page,
    ingest,
    list_events,
    list_tags,
    open_deployment,
    publish,
    read_definitions,
    tag_page,
)
from opportune.operations.publish import compile_playbook
from opportune.store import DefinitionStore
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, MINIMAL, START, bought, identify, lines, used

EXAMPLES = Path(__file__).parents[2] / "examples"
MORE = """
---
tag: calm
title: {en: Rarely buys, zh: 很少购买}
category: data
rule: NOT pack_lover
owner: analysts
---
tag: packs_ever
category: data/volume
counter: {of: pack_purchased, measure: count}
---
tag: spells
category: data/volume
counter: {of: silence, measure: count}
note: Nothing uses it.
---
detector: silence
title: {en: Silent, zh: 沉默}
when: {silent: 3d}
---
tag: nickname
type: text
---
offer: greeting
content: {sms: {en: "Hi {{ nickname | default('you') }}", zh: 您好}}
---
segment: calm-payers
where: calm AND arpu > 10
---
source: bills
read: {format: csv, path: bills.csv}
time: {from: at, unit: second, since: "1970-01-01T00:00:00Z"}
customer: {kind: user, from: customer}
rows: [{event: pack_purchased, properties: {amount: paid}}]
tags: {arpu: revenue}
"""


def take_in(deployment: Deployment, source: str, messages: list[dict[str, Any]]) -> None:
    """One group of a source's messages, with the clock of an import."""
    now_ms = int(messages[-1]["timestamp"])
    ingest(deployment, deployment.decoder(source, "import"), lines(messages), now_ms).folding.result()
    deployment.flush()


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    """The minimal example with more."""
    folder = tmp_path / "definitions"
    folder.mkdir()
    whole = "\n---\n".join(path.read_text() for path in sorted(MINIMAL.glob("*.yaml")))
    titled = whole.replace(
        "deployment: little-mobile\n", "deployment: little-mobile\ncategories: {data: {en: Data, zh: 流量}}\n"
    )
    assert titled != whole
    (folder / "all.yaml").write_text(titled + MORE)
    return folder


def test_search_and_tree(definitions: Path) -> None:
    lineage = Lineage(read_definitions(definitions))

    def names(**by: str) -> list[str]:
        return [one.tag for one in list_tags(lineage, TagFilter(**by))]

    assert names(search="购买") == ["calm", "packs_30d"]
    assert names(search="RARELY buys") == ["calm"]
    assert names(search="buys pack") == ["pack_lover"]
    assert names(category="data") == ["calm", "pack_lover", "packs_30d", "packs_ever", "spells"]
    assert names(category="data/volume", origin="counter") == ["packs_30d", "packs_ever", "spells"]
    assert names(category="dat") == []
    assert names(owner="analysts") == ["calm"]
    assert names(sensitivity="personal") == []
    tree = category_tree(lineage, (one.category for one in list_tags(lineage, TagFilter(category="data"))))
    assert [(one.category, one.in_it, one.with_below) for one in tree] == [("data", 1, 5), ("data/volume", 4, 4)]
    assert [(one.title_en, one.title_zh) for one in tree] == [("Data", "流量"), ("", "")]
    assert [one.event for one in list_events(lineage, EventFilter(origin="detector"))] == ["silence"]
    assert [one.event for one in list_events(lineage, EventFilter(search="used_pct"))] == ["data_usage_reported"]


def test_what_a_tag_comes_from_and_who_uses_it(definitions: Path, tmp_path: Path) -> None:
    lineage, store = Lineage(read_definitions(definitions)), DefinitionStore(tmp_path)
    page = tag_page(lineage, store, "calm")
    assert [(one.family, one.name, one.path, one.through) for one in page.comes_from] == [
        ("tag", "pack_lover", "rule", ()),
        ("tag", "has_unlimited", "rule", ("pack_lover",)),
        ("tag", "packs_30d", "rule", ("pack_lover",)),
        ("event", "pack_purchased", "counter.of", ("pack_lover", "packs_30d")),
        ("source", "bills", "rows[0].event", ("pack_lover", "packs_30d", "pack_purchased")),
    ]
    assert [(one.family, one.name) for one in page.used_by] == [("segment", "calm-payers")]
    packs = {(one.family, one.name): one.through for one in tag_page(lineage, store, "packs_30d").used_by}
    assert packs == {
        ("tag", "pack_lover"): (),
        ("tag", "calm"): ("pack_lover",),
        ("campaign", "thanks-for-the-pack"): ("pack_lover",),
        ("segment", "calm-payers"): ("pack_lover", "calm"),
    }
    arpu = tag_page(lineage, store, "arpu")
    assert ("source", "bills", "tags.arpu") in {(one.family, one.name, one.path) for one in arpu.comes_from}
    said = tag_page(lineage, store, "nickname")
    assert [(one.name, one.path) for one in said.used_by] == [("greeting", "content.sms.en.text")]
    assert not said.entry.hot
    silence = event_page(lineage, store, "silence")
    assert [(one.family, one.name) for one in silence.used_by] == [("tag", "spells")]
    assert [one.property for one in silence.properties] == ["since"]
    assert not tag_page(lineage, store, "spells").used_by
    store.close()
    with pytest.raises(DeploymentError, match="did you mean `calm`"):
        tag_page(lineage, store, "clam")


@pytest.mark.parametrize(
    ("counter", "said"),
    [
        ("{of: pack_purchased, measure: count, where: event.amuont > 3}", "did you mean `amount`"),
        ("{of: pack_purchased, measure: count, where: event.amount + 1}", "a condition is expected"),
        ("{of: pack_purchased, measure: count, over: 90m}", "the window is not"),
    ],
)
def test_a_counter_that_nothing_uses_is_checked_when_it_is_saved(definitions: Path, counter: str, said: str) -> None:
    with (definitions / "all.yaml").open("a") as file:
        file.write(f"---\ntag: nobody_asks\ncounter: {counter}\n")
    with pytest.raises(DefinitionsRefusedError, match=said) as refused:
        compile_playbook(None, read_definitions(definitions))
    assert [problem.name for problem in refused.value.problems] == ["nobody_asks"]


@pytest.mark.parametrize("example", ["minimal", "telecom/definitions", "browsing", None])
def test_what_is_told_to_be_hot_is_what_the_engine_keeps(definitions: Path, example: str | None) -> None:
    read = read_definitions(definitions if example is None else EXAMPLES / example)
    hot = {one.tag for one in list_tags(Lineage(read)) if one.hot}
    assert hot == set(compile_playbook(None, read).hot)
    assert hot or example == "browsing"


def test_changes_of_a_definition_and_what_was_seen(definitions: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "data", definitions / "all.yaml"
    create_deployment(folder, seed="tests")
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        publish(deployment, read_definitions(definitions), "ann")
        counts = EventCounts(folder)
        assert counts.advance()
        assert counts.seen() == []
        take_in(
            deployment, "web", [identify("a", START, arpu="12"), bought("a", START + 1, "10"), bought("b", START, "20")]
        )
        assert counts.advance(seconds_max=0) is False
        assert counts.advance()
        take_in(deployment, "shop", [bought("a", START + DAY, "5"), used("b", START + 9 * DAY, 20)])
        assert counts.advance()
        whole = file.read_text()
        file.write_text(whole.replace("Nothing uses it.", "Not yet."))
        publish(deployment, read_definitions(definitions), "ben")
        file.write_text(whole.replace("tag: spells", "tag: quiet_spells"))
        publish(deployment, read_definitions(definitions), "cid")
        changes = tag_page(Lineage(read_definitions(definitions)), deployment.store, "packs_ever").changes
        assert [(one.playbook, one.kind) for one in changes] == [(1, "added")]
    store = DefinitionStore(folder)
    file.write_text(whole)
    spells = tag_page(Lineage(read_definitions(definitions)), store, "spells").changes
    store.close()
    assert [(one.playbook, one.author, one.kind) for one in spells] == [
        (3, "cid", "removed"), (2, "ben", "changed"), (1, "ann", "added"),
    ]  # fmt: skip
    assert [(one.path, one.before, one.after) for one in spells[1].fields] == [("note", "Nothing uses it.", "Not yet.")]
    assert spells[1].words_only
    seen = {(one.event, one.source): (one.count, one.last) for one in counts.seen()}
    assert seen[("pack_purchased", "web")] == (2, "2026-11-01 08:00:00")
    assert seen[("pack_purchased", "shop")] == (1, "2026-11-02 08:00:00")
    assert seen[("data_usage_reported", "shop")] == (1, "2026-11-10 08:00:00")
    assert seen[("silence", "(detector)")][0] >= 1
    anew = EventCounts(folder)
    assert anew.advance()
    assert anew.seen() == counts.seen()
