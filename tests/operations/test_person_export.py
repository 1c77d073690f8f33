"""What is handed out of a person is all there is: every fact of hers in the journal, and what other doors keep."""

from pathlib import Path

import pytest

from opportune.facts import FactBatch, FactKind
from opportune.operations import DeploymentError, export_person, journal_of, person_page
from tests.operations.forgetting_world import HER, NAME, NOTE, OTHER_PHONE, PHONE, make
from tests.operations.little_mobile import START, consent, deployed, used


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, only read."""
    return make(tmp_path_factory.mktemp("export") / "data")


def test_every_fact_of_hers_is_in_it(world: Path) -> None:
    found = export_person(world, HER, by="tests")
    told = {(line.seq, line.kind) for line in found.history}
    kinds = {
        FactKind.EVENT: "event",
        FactKind.TAGS_SET: "tags",
        FactKind.CONSENT: "consent",
        FactKind.IDENTIFIER: "identifier",
        FactKind.CUSTOMER: "created",
    }
    facts = remarks = 0
    for group in journal_of(world).read(0):
        batch = FactBatch.from_arrays(group.arrays)
        for row in (batch.customer == HER).nonzero()[0].tolist():
            assert (group.first_seq + row, kinds[FactKind(int(batch.kind[row]))]) in told
            facts, remarks = facts + 1, remarks + (row in batch.extras)
        for name in ("decisions", "goals", "moves"):
            rows = group.arrays.get(name)
            for seq in [] if rows is None else rows["seq"][rows["customer"] == HER].tolist():
                assert (seq, name[:-1]) in told
    assert facts > 20
    assert sum(line.more is not None for line in found.history) == remarks == 9
    assert {line.source for line in found.history if line.kind == "event"} == {"world"}
    assert {line.source for line in found.history if line.kind == "decision"} == {"(house)"}
    assert [line.seq for line in found.history] == sorted(line.seq for line in found.history)
    assert any(NOTE in str(line.more) for line in found.history)


def test_what_other_doors_keep_of_her_is_in_it_and_of_nobody_else(world: Path) -> None:
    found = export_person(world, HER, by="tests", why="a request")
    assert found.identifiers == (("phone", PHONE), ("user", "she-0001"))
    assert found.personal == {"full_name": NAME, "mobile": PHONE}
    assert [(one.where, one.key) for one in found.messages] == [
        ("outbox", "900"),
        ("inbox", "902"),
        ("work items", "903"),
    ]
    assert sorted(one.source for one in found.raw) == ["crm", "world", "world"]
    assert next(tag.value for tag in found.profile.tags if tag.tag == "arpu") == "80.00"
    assert [(one.purpose, one.given) for one in found.profile.consents] == [("marketing", True)]
    assert found.audit[0].why == "a request"
    page = person_page(found)
    assert NAME in page
    assert "other" not in {one.text for one in found.raw}
    assert OTHER_PHONE not in " ".join(str(one.content) for one in found.messages)


def test_a_page_runs_nothing_that_a_message_says(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    told = [consent("c-1", START), used("c-1", START + 1, 5, properties={"used_pct": 5, "remark": evil})]
    folder = deployed(tmp_path / "data", messages=told)
    page = person_page(export_person(folder, 0, by="tests"), "zh")
    assert "&lt;script&gt;" in page
    assert "<script" not in page


def test_nobody_is_told(world: Path) -> None:
    with pytest.raises(DeploymentError, match="no customer #999"):
        export_person(world, 999, by="tests")
