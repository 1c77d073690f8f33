"""Drafts: each step in the trail, approvals bound to everything that the changed campaigns rest on, no launch past them."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opportune.operations import (
    ApprovalNeededError,
    Deployment,
    compile_playbook,
    open_deployment,
    publish,
    read_definitions,
    replay,
)  # fmt: skip
from opportune.operations.drafting import Drafting, DraftRefusedError, open_drafting
from opportune.operations.publish import put_definitions_in_force
from opportune.store import Definitions
from tests.operations.little_mobile import CUSTOMERS_MAX, MINIMAL, by_time, deployed, month

EVER = 2**62
RULES = """
approval: default
steps:
  - {step: lead}
  - {step: finance, when: {budget_over: 1000000.00}}
  - {step: reach, when: {contacts_over: 5}}
  - {step: legal, when: {categories: [upsell]}, by: [lena]}
"""
Edit = Callable[[str], str]


def edited(folder: Path, edit: Edit | None = None, rules: str = RULES) -> Definitions:
    """The minimal example with approval rules and an edit of any of its files."""
    copy = Path(shutil.copytree(MINIMAL, folder))
    (copy / "approval.yaml").write_text(rules)
    changed = 0
    for path in copy.glob("*.yaml"):
        text = path.read_text()
        after = edit(text) if edit is not None else text
        changed += after != text
        path.write_text(after)
    assert changed or edit is None
    return read_definitions(copy)


def wider(text: str) -> str:
    return text.replace("used_pct >= 80", "used_pct >= 60")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A month of a small operator, with approval on."""
    made = deployed(tmp_path / "data", messages=by_time(month()))
    with opened(made) as deployment:
        publish(deployment, edited(tmp_path / "ruled"), "ann")
    return made


@pytest.fixture
def drafting(folder: Path) -> Iterator[Drafting]:
    with open_drafting(folder) as found:
        yield found


def opened(folder: Path) -> Deployment:
    return open_deployment(folder, customers_max=CUSTOMERS_MAX)


def simulated(drafting: Drafting, number: int) -> None:
    drafting.simulate(number, 0, EVER, "ann", customers_max=CUSTOMERS_MAX)


def approved(drafting: Drafting, wanted: Definitions) -> int:
    """A draft with every approval."""
    made = drafting.make(wanted, "ann", "wider")
    assert made is not None
    simulated(drafting, made.number)
    drafting.submit(made.number, "ann")
    drafting.approve(made.number, "bob", "lead")
    drafting.approve(made.number, "bob", "reach")
    found = drafting.approve(made.number, "lena", "legal")
    assert found.state == "approved", found.obstacles
    return made.number


def codes(drafting: Drafting, number: int) -> list[str]:
    return [one.code for one in drafting.view(number).obstacles]


def test_the_whole_life_of_a_draft(folder: Path, drafting: Drafting, tmp_path: Path) -> None:
    made = drafting.make(edited(tmp_path / "new", wider), "ann", "wider", "the quarter's plan")
    assert made is not None
    assert (made.state, made.base, made.campaigns) == ("draft", 2, ("data-pack-upsell",))
    assert [(c.family, c.name, c.fields[0].path) for c in made.changes] == [
        ("campaign", "data-pack-upsell", "trigger.where")
    ]
    # Nobody knows yet how many it would reach, so the step for many is needed.
    assert [(one.step, one.why, one.found) for one in made.steps_needed] == [
        ("lead", "always", ""), ("reach", "contacts", "?"), ("legal", "category", "upsell"),
    ]  # fmt: skip
    simulated(drafting, made.number)
    seen = drafting.view(made.number)
    assert seen.state == "simulated"
    assert seen.contacts is not None
    assert seen.contacts > 5
    assert seen.steps_needed[1].found == str(seen.contacts)
    assert drafting.submit(made.number, "ann").state == "submitted"
    with opened(folder) as deployment, pytest.raises(DraftRefusedError, match="`lead` is missing"):
        drafting.launch(deployment, made.number, "ann")
    with pytest.raises(DraftRefusedError) as own:
        drafting.approve(made.number, "ann")
    assert own.value.code == "own_draft"
    assert drafting.approve(made.number, "bob").state == "submitted"  # lena's is missing
    with pytest.raises(DraftRefusedError, match="legal by lena") as other:
        drafting.approve(made.number, "bob")
    assert other.value.code == "not_yours"
    assert drafting.approve(made.number, "lena", binding=seen.binding).state == "approved"
    with opened(folder) as deployment:
        done = drafting.launch(deployment, made.number, "carl")
        assert deployment.playbook.version == done.playbook == 3
        trigger = deployment.store.in_force().campaigns["data-pack-upsell"].trigger
        assert trigger is not None
        assert trigger.where == "event.used_pct >= 60"
    end = drafting.view(made.number)
    assert end.state == "launched"
    assert [(one.kind, one.actor) for one in end.trail] == [
        ("made", "ann"), ("simulated", "ann"), ("submitted", "ann"), ("approved", "bob"), ("approved", "bob"), ("approved", "lena"),
        ("launched", "carl"),
    ]  # fmt: skip
    assert (end.trail[0].note, end.trail[-1].playbook) == ("the quarter's plan", 3)
    assert replay(folder).equal
    with pytest.raises(DraftRefusedError, match="launched"):
        drafting.submit(made.number, "ann")


MOVES: dict[str, tuple[Edit, str, str]] = {
    "a rule of the campaign's own offer": (
        lambda text: text.replace("stock: 100000", "stock: 7"), "offer pack_10g", "stock",
    ),
    "a tag's definition": (
        lambda text: text.replace("range: [0, 100000]", "range: [0, 5000]"), "tag arpu", "range",
    ),
    "a cap": (lambda text: text.replace("max: 3", "max: 4", 1), "policy default", "caps"),
    "a touchpoint": (lambda text: text.replace("touchpoint: sms\n", "touchpoint: sms\nlease: 7m\n", 1), "touchpoint sms", "lease"),
}  # fmt: skip


@pytest.mark.parametrize("what", MOVES)
def test_what_moves_after_the_approval_blocks_the_launch(
    folder: Path, drafting: Drafting, tmp_path: Path, what: str
) -> None:
    edit, place, path = MOVES[what]
    number = approved(drafting, edited(tmp_path / "new", wider))
    with opened(folder) as deployment:
        put_definitions_in_force(deployment, edited(tmp_path / "moved", edit), "eve")
        with pytest.raises(DraftRefusedError) as refused:
            drafting.launch(deployment, number, "carl")
        assert deployment.playbook.version == 3
    assert refused.value.code == "moved"
    (found,) = {f"{one.family} {one.name}" for one in refused.value.obstacles}
    assert found == place
    assert all(one.path.startswith(path) for one in refused.value.obstacles)
    assert "when it was submitted" in str(refused.value)
    seen = drafting.view(number)
    assert (seen.state, seen.trail[-1].kind, seen.trail[-1].actor) == ("draft", "reopened", "opportune")
    # It is approved of anew: simulated with what is there now, submitted, approved; then it goes.
    with pytest.raises(DraftRefusedError) as old:
        drafting.submit(number, "ann")
    assert old.value.code == "report_old"
    simulated(drafting, number)
    drafting.submit(number, "ann")
    drafting.approve(number, "bob")
    drafting.approve(number, "lena")
    with opened(folder) as deployment:
        assert drafting.launch(deployment, number, "carl").playbook == 4


def test_words_and_what_nobody_refers_to_leave_an_approval(folder: Path, drafting: Drafting, tmp_path: Path) -> None:
    number = approved(drafting, edited(tmp_path / "new", wider))

    def words(text: str) -> str:
        unused = "---\ntag: unused\ntype: int\n" if "tag: arpu\n" in text else ""
        return text.replace("owner: finance", "owner: somebody else") + unused

    with opened(folder) as deployment:
        put_definitions_in_force(deployment, edited(tmp_path / "words", words), "eve")
    assert drafting.view(number).state == "approved"
    with opened(folder) as deployment:
        assert drafting.launch(deployment, number, "carl").playbook == 4
        now = deployment.store.in_force()
    assert ("unused" in now.tags, now.tags["arpu"].owner) == (True, "somebody else")  # what others did meanwhile stays


def test_an_edit_of_words_keeps_the_approval_and_an_edit_that_decides_does_not(
    drafting: Drafting, tmp_path: Path
) -> None:
    number = approved(drafting, edited(tmp_path / "new", wider))

    def named(text: str) -> str:
        return wider(text).replace("Data pack when you need it", "A pack in time")

    assert drafting.revise(number, edited(tmp_path / "named", named), "ann").state == "approved"
    assert drafting.view(number).trail[-1].kind == "reworded"
    after = drafting.revise(
        number, edited(tmp_path / "other", lambda text: text.replace("used_pct >= 80", "used_pct >= 50")), "ann"
    )
    assert (after.state, after.report, [one.given_by for one in after.steps_needed]) == (
        "draft",
        None,
        [None, None, None],
    )


def test_another_report_reopens_it(folder: Path, drafting: Drafting, tmp_path: Path) -> None:
    number = approved(drafting, edited(tmp_path / "new", wider))
    key = drafting.view(number).report
    path = folder / "simulations" / str(key) / "report.json"
    path.write_bytes(path.read_bytes().replace(b'"decisions":', b'"decisions":1', 1))
    with opened(folder) as deployment, pytest.raises(DraftRefusedError) as changed:
        drafting.launch(deployment, number, "carl")
    assert changed.value.code == "report_changed"
    assert drafting.view(number).state == "draft"


def test_two_drafts_of_one_campaign_do_not_overwrite_each_other(
    folder: Path, drafting: Drafting, tmp_path: Path
) -> None:
    one = approved(drafting, edited(tmp_path / "one", wider))
    other = drafting.make(edited(tmp_path / "two", lambda text: text.replace("arpu >= 50", "arpu >= 40")), "dora")
    assert other is not None
    with opened(folder) as deployment:
        drafting.launch(deployment, one, "carl")
    assert "conflict" in codes(drafting, other.number)
    with pytest.raises(DraftRefusedError, match="was changed in force since") as refused:
        drafting.submit(other.number, "dora")
    assert (refused.value.obstacles[0].family, refused.value.obstacles[0].name) == ("campaign", "data-pack-upsell")
    both = edited(tmp_path / "both", lambda text: wider(text).replace("arpu >= 50", "arpu >= 40"))
    assert drafting.revise(other.number, both, "dora").base == 3
    assert "conflict" not in codes(drafting, other.number)


def test_rejected_withdrawn_and_unknown(drafting: Drafting, tmp_path: Path) -> None:
    made = drafting.make(edited(tmp_path / "new", wider), "ann")
    assert made is not None
    early: list[tuple[str, Callable[[], object]]] = [
        ("not_submitted", lambda: drafting.approve(made.number, "bob")),
        ("not_submitted", lambda: drafting.reject(made.number, "bob", "no")),
        ("no_draft", lambda: drafting.view(99)),
    ]
    for code, ask in early:
        with pytest.raises(DraftRefusedError) as refused:
            ask()
        assert refused.value.code == code
    drafting.submit(made.number, "ann")
    with pytest.raises(DraftRefusedError, match="say why"):
        drafting.reject(made.number, "bob", "")
    assert drafting.reject(made.number, "bob", "too many").state == "rejected"
    with pytest.raises(DraftRefusedError, match="rejected"):
        drafting.ready(made.number)
    assert drafting.withdraw(made.number, "ann").state == "withdrawn"
    with pytest.raises(DraftRefusedError, match="withdrawn"):
        drafting.submit(made.number, "ann")
    assert drafting.make(edited(tmp_path / "same"), "ann") is None


def test_the_rules_themselves_need_every_step(drafting: Drafting, tmp_path: Path) -> None:
    made = drafting.make(edited(tmp_path / "off", rules="approval: default\n"), "ann")
    assert made is not None
    assert [(one.step, one.why) for one in made.steps_needed] == [
        (name, "rules") for name in ("lead", "finance", "reach", "legal")
    ]


def test_publishing_past_the_rules_is_refused(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as deployment:
        wanted = edited(tmp_path / "new", wider)
        compile_playbook(deployment, wanted)
        with pytest.raises(ApprovalNeededError, match="make a draft"):
            publish(deployment, wanted, "eve")
        assert deployment.playbook.version == 2


def test_a_launch_that_a_crash_cut_short_is_noted_by_the_next(folder: Path, drafting: Drafting, tmp_path: Path) -> None:
    number = approved(drafting, edited(tmp_path / "new", wider))
    with opened(folder) as deployment:
        put_definitions_in_force(
            deployment, drafting.ready(number).definitions, "carl"
        )  # and then the machine fell over
    with opened(folder) as deployment:
        done = drafting.launch(deployment, number, "carl")
        assert (done.playbook, done.seq) == (3, None)
    assert drafting.view(number).state == "launched"


def test_the_trail_cannot_be_rewritten(folder: Path, drafting: Drafting, tmp_path: Path) -> None:
    assert drafting.make(edited(tmp_path / "new", wider), "ann") is not None
    with sqlite3.connect(folder / "store.db") as connection:
        for table, column in (("draft", "author"), ("draft_step", "actor"), ("draft_content", "body")):
            for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
                with pytest.raises(sqlite3.DatabaseError, match="never changed"):
                    connection.execute(statement)
