"""Versions and playbooks: only what changed gets a new version, nothing that was saved is ever changed."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from opportune.store import Definitions, DefinitionStore, load_files, load_folder

EXAMPLE = Path(__file__).parents[2] / "examples" / "minimal"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DefinitionStore]:
    opened = DefinitionStore(tmp_path / "data")
    yield opened
    opened.close()


def offers(*texts: str) -> Definitions:
    loaded = load_files([("f.yaml", "\n---\n".join(texts).encode())])
    assert loaded.problems == ()
    return loaded


def test_an_empty_store(store: DefinitionStore) -> None:
    assert (store.latest(), store.published(), store.playbooks(), store.versions("offer", "o")) == (0, None, [], [])
    with pytest.raises(KeyError, match="no playbook 1"):
        store.load(1)


def test_what_is_saved_is_loaded(store: DefinitionStore) -> None:
    definitions = load_folder(EXAMPLE)
    draft = store.save(definitions, "ann", 1_000)
    assert (draft.number, draft.new, store.latest()) == (1, True, 1)
    assert {change.kind for change in draft.changes} == {"added"}
    assert list(store.load(1).all()) == list(definitions.all())


def test_sources_are_kept_as_they_are(store: DefinitionStore) -> None:
    store.save(offers("source: crm\ncolumns: {phone: '007'}\nempty:"), "ann", 1)
    assert store.load(1).sources == {"crm": {"source": "crm", "columns": {"phone": "007"}, "empty": None}}


def test_an_unchanged_set_makes_no_playbook(store: DefinitionStore) -> None:
    first = store.save(load_folder(EXAMPLE), "ann", 1_000)
    again = store.save(load_folder(EXAMPLE), "bob", 2_000)
    assert (again.number, again.new, again.changes, again.fingerprint) == (1, False, (), first.fingerprint)


def test_only_changed_definitions_get_a_version(store: DefinitionStore) -> None:
    store.save(offers("offer: a\nvalue: 1.50", "offer: b"), "ann", 1)
    draft = store.save(offers("offer: a\nvalue: 2.50", "offer: b"), "bob", 2)
    assert [(c.name, c.kind, c.fields[0].before, c.fields[0].after) for c in draft.changes] == [
        ("a", "changed", "1.5", "2.5")
    ]
    assert [(v.version, v.definition.value, v.author, v.created_ms) for v in store.versions("offer", "a")] == [
        (2, "2.50", "bob", 2),
        (1, "1.50", "ann", 1),
    ]
    assert len(store.versions("offer", "b")) == 1


def test_every_playbook_can_be_loaded_for_ever(store: DefinitionStore) -> None:
    sets = [
        ("offer: a", "offer: b"),
        ("offer: a\nvalue: 2",),
        ("offer: a\nvalue: 3", "offer: b"),
        ("offer: a", "offer: b\nnote: x", "offer: c"),
    ]
    for number, texts in enumerate(sets, 1):
        assert store.save(offers(*texts), "ann", number).number == number
    for number, texts in enumerate(sets, 1):
        assert store.load(number).offers == offers(*texts).offers
    # `a` came back to its first form: history is not folded, so it is a fourth version; `b` was away and is version 1, then 2.
    assert [v.version for v in store.versions("offer", "a")] == [4, 3, 2, 1]
    assert [v.version for v in store.versions("offer", "b")] == [2, 1]


def test_which_playbook_did_what_to_a_definition(store: DefinitionStore) -> None:
    sets = (
        offers("offer: a\nvalue: 1"),
        offers("offer: a\nvalue: 2"),
        offers("offer: b"),
        offers("offer: a\nvalue: 2", "offer: b"),
    )
    for at_ms, definitions in enumerate(sets):
        store.save(definitions, f"author {at_ms}", at_ms)
    steps = store.steps("offer", "a")
    values = [one.definition and str(one.definition.value) for one in steps]
    assert list(zip([one.playbook for one in steps], values, strict=True)) == [(4, "2"), (3, None), (2, "2"), (1, "1")]
    assert (steps[1].author, steps[1].created_ms) == ("author 2", 2)
    assert [one.playbook for one in store.steps("offer", "a", 1)] == [4]
    assert store.steps("offer", "nobody") == []


def test_definitions_with_problems_are_not_saved(store: DefinitionStore) -> None:
    with pytest.raises(ValueError, match=r"f\.yaml:1:8: .*nothing was saved"):
        store.save(load_files([("f.yaml", b"offer: A B")]), "ann", 1)
    assert store.latest() == 0


@pytest.mark.parametrize("table", ["definition", "playbook", "playbook_change", "publication"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET rowid = rowid + 1", "DELETE FROM {}"])
def test_rows_are_immutable_also_for_others(store: DefinitionStore, tmp_path: Path, table: str, statement: str) -> None:
    store.save(offers("offer: a"), "ann", 1)
    store.publish(1, 7, 2)
    with sqlite3.connect(tmp_path / "data" / "store.db") as connection:
        before = connection.execute(f"SELECT * FROM {table}").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            connection.execute(statement.format(table))
        assert before
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before


def test_publishing(store: DefinitionStore) -> None:
    store.save(offers("offer: a"), "ann", 1)
    store.save(offers("offer: b"), "ann", 2)
    store.publish(1, 10, 100)
    store.publish(2, 20, 200)
    store.publish(1, 30, 300)
    store.publish(1, 30, 300)
    assert store.published() == (1, 30)
    assert [(row.number, row.seq, row.published_ms) for row in store.playbooks()] == [(2, 20, 200), (1, 30, 300)]
    with pytest.raises(ValueError, match="playbook 2 stands at sequence number 20"):
        store.publish(1, 20, 400)
    with pytest.raises(KeyError, match="no playbook 3"):
        store.publish(3, 40, 400)


def test_the_list_is_bounded_and_has_pages(store: DefinitionStore) -> None:
    for number in range(1, 6):
        store.save(offers(f"offer: o{number}"), "ann", number)
    assert [row.number for row in store.playbooks(limit=2)] == [5, 4]
    assert [row.number for row in store.playbooks(before=4, limit=2)] == [3, 2]
    assert store.playbooks(limit=-1) == []


def test_settings(store: DefinitionStore) -> None:
    assert store.setting("hash_key") is None
    store.set_setting("hash_key", "a")
    store.set_setting("hash_key", "b")
    assert store.setting("hash_key") == "b"


def test_two_savers_at_once_make_two_playbooks(tmp_path: Path) -> None:
    numbers: list[int] = []

    def save(which: int) -> None:
        own = DefinitionStore(tmp_path)
        for step in range(5):
            numbers.append(own.save(offers(f"offer: o{which}_{step}"), "ann", step).number)
        own.close()

    DefinitionStore(tmp_path).close()
    threads = [threading.Thread(target=save, args=(which,)) for which in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 16))


def test_files_are_ours_alone(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store = DefinitionStore(tmp_path / "new")
        store.save(offers("offer: a"), "ann", 1)
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()} == {0o600}
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        store.close()
    finally:
        os.umask(previous)
