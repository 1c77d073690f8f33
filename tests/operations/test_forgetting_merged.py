"""Forgetting somebody who has several numbers: all of them, everywhere; who was forgotten is never merged again, and others are parted without her."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opportune.facts import FORGOTTEN_EVERYWHERE, FORGOTTEN_FROM_HERE, FactKind
from opportune.intake import hash_identifier, key_words
from opportune.operations import (
    DeploymentError,
    export_person,
    find_customer,
    forget_person,
    journal_of,
    merge,
    open_deployment,
    read_definitions,
    replay,
    unmerge,
    view_customer,
)
from opportune.operations.deployment import Deployment
from opportune.operations.folder_key import read_key
from opportune.operations.simulation import simulate
from opportune.warehouse import export
from tests.operations.forgetting_world import NAME, PERSONAL, places_of
from tests.operations.little_mobile import CUSTOMERS_MAX, DAY, START, deployed, identify, imported, used
from tests.operations.test_merging import ANNA, PHONE, VISIT, definitions, story, visit

NOTE = "prefers to be called in the evening"
CARD = ("phone", "+8613700000007")
"""Seen beside her name from the start: it shares her number."""
HERS = (ANNA, PHONE, VISIT, CARD)


def messages() -> list[dict[str, Any]]:
    """Anna under three numbers (0, 1, 2), with a note and a name said under the second and third; and Bert (3)."""
    day = START + DAY
    return [
        visit(identify("", START - 1), ANNA, CARD),
        *story(),
        visit(identify("", day + DAY + 5 * 3_600_000, full_name=NAME), PHONE),
        visit(used("", day + DAY + 6 * 3_600_000, 81, properties={"used_pct": 81, "remark": NOTE}), VISIT),
        {"type": "track", "event": "no_such_event", "userId": "other", "timestamp": day, "properties": {"a": PHONE[1]}},
        used("bert", day + 2 * DAY, 60),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = definitions(tmp_path)
    (place / "personal.yaml").write_text(PERSONAL, encoding="utf-8")
    made = deployed(tmp_path / "data", place, messages())
    export(made)
    return made


def opened(folder: Path) -> Deployment:
    return open_deployment(folder, customers_max=CUSTOMERS_MAX)


def traces_of(folder: Path, *identifiers: tuple[str, str]) -> dict[str, bytes]:
    """The identifiers in every form in which they may lie in the folder."""
    words, found = key_words(read_key(folder).secrets().hashing), {}
    for kind, text in identifiers:
        low, high = hash_identifier(words, kind, text)
        found[f"hash of {kind}"] = np.array([low, high], np.uint64).tobytes()
        found[f"half of the hash of {kind}"] = np.array([low], np.uint64).tobytes()
        if len(text) > 5:
            found[kind] = text.encode()
    return found


def said_of(folder: Path, customer: int) -> list[int]:
    return [one.seq for one in view_customer(folder, customer, last=50).events]


def state_of(deployment: Deployment) -> dict[str, bytes]:
    arrays = deployment.engine.to_arrays() | {f"who/{k}": v for k, v in deployment.identity.to_arrays().items()}
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_nothing_of_any_of_her_numbers_is_left_in_any_file(folder: Path, number: int) -> None:
    traces = traces_of(folder, ANNA, PHONE, VISIT) | traces_of(folder, CARD)
    traces |= {"name": NAME.encode(), "note": NOTE.encode()}
    simulate(folder, None, START + 2 * DAY, 2**62, customers_max=CUSTOMERS_MAX)  # keeps a state to begin from
    before = places_of(folder, traces)
    assert {name for name, place in before if place.startswith("journal")} >= {"hash of user", "hash of phone", "note"}
    assert list(folder.glob("simulations/bases/*"))
    with opened(folder) as deployment:
        done = forget_person(deployment, f"#{number}", by="tests", why="she asked")
        assert done.customer in (0, number)
        assert places_of(folder, traces) == set()
        assert deployment.engine.forgotten(0, deployment.engine.customers).tolist() == [0, 1, 2]
        memory, size = deployment.engine.memory, deployment.playbook.layout.record_bytes
        template = deployment.playbook.plan.profiles.template.view(np.uint8)
        for one in range(3):
            np.testing.assert_array_equal(memory.arrays["records"][one * size : (one + 1) * size], template)
            for name in ("keys", "ledger", "moments", "heads", "open_heads", "pending_heads", "looks"):
                assert not np.any(memory.arrays[name][one]), name
        assert {line.customer for line in deployment.people.audit() if line.what == "forget"} == {0, 1, 2}
        known = state_of(deployment)
    assert places_of(folder, traces) == set()
    assert not list(folder.glob("simulations/bases/*"))
    told = [group.arrays for group in journal_of(folder).read(0)]
    codes = [
        (int(code), int(who))
        for arrays in told
        for kind, code, who in zip(arrays["kind"], arrays["code"], arrays["customer"], strict=True)
        if kind == FactKind.FORGOTTEN
    ]
    assert codes == [(what, who) for what in (FORGOTTEN_FROM_HERE, FORGOTTEN_EVERYWHERE) for who in range(3)]
    assert replay(folder).equal
    shutil.rmtree(folder / "snapshots")
    with opened(folder) as deployment:
        assert state_of(deployment) == known
        assert deployment.people.groups() == {0: [0, 1, 2]}


def test_nobody_is_merged_with_her_or_parted_from_her_any_more(folder: Path) -> None:
    with opened(folder) as deployment:
        deployment.forget(2)
        for number in (0, 1, 2):
            with pytest.raises(DeploymentError, match="was forgotten"):
                merge(deployment, 3, number)
            with pytest.raises(DeploymentError, match="was forgotten"):
                unmerge(deployment, number, ["user:anna"])
        assert not len(deployment.begin_forgetting(1))
    for _, text in (PHONE, ANNA):
        with pytest.raises(DeploymentError, match="no customer"):
            find_customer(folder, text)
    again = [
        visit(used("", START + 30 * DAY, 40), PHONE, ("user", "bert")),
        visit(used("", START + 30 * DAY, 41), ANNA),
    ]
    imported(folder, again, "later")
    assert find_customer(folder, f"phone:{PHONE[1]}") == 3  # the same phone later is whoever is seen with it
    assert find_customer(folder, "anna") == 4
    with opened(folder) as deployment:
        assert deployment.engine.forgotten(0, deployment.engine.customers).tolist() == [0, 1, 2]
    assert replay(folder).equal


def test_whom_she_was_parted_from_stays_and_can_be_parted_again_without_her(folder: Path) -> None:
    with opened(folder) as deployment:
        parted = unmerge(deployment, 0, [f"phone:{PHONE[1]}"])
        assert (parted.stays, parted.leaves) == ((0, 1), (2,))
        deployment.forget(2)
        assert deployment.engine.forgotten(0, deployment.engine.customers).tolist() == [2]
        kept = said_of(folder, 0)
        again = unmerge(deployment, 0, [f"anonymous:{VISIT[1]}"])
        assert (again.stays, again.leaves) == ((0,), (1,))
        known = state_of(deployment)
    sides = [said_of(folder, one) for one in (0, 1)]
    assert all(sides)
    assert sorted([*sides[0], *sides[1]]) == sorted(kept)
    assert places_of(folder, traces_of(folder, PHONE)) == set()
    assert replay(folder).equal
    shutil.rmtree(folder / "snapshots")
    with opened(folder) as deployment:
        assert state_of(deployment) == known


def test_a_hash_that_stood_under_anothers_number_first_goes_too(folder: Path) -> None:
    with opened(folder) as deployment:
        parted = unmerge(deployment, 0, [f"phone:{CARD[1]}"])
        assert parted.leaves == (4,) or len(parted.leaves) == 1
        other = parted.leaves[0]
        deployment.forget(other)
        assert places_of(folder, traces_of(folder, CARD)) == set()
        assert find_customer(folder, "anna") == 0
    assert replay(folder).equal
    shutil.rmtree(folder / "snapshots")
    with opened(folder) as deployment:
        assert deployment.people.identifiers_of(0) == sorted([ANNA, PHONE, VISIT])
        assert deployment.identity.how_many(0, deployment.catalogue.identifiers["phone"]) == 1


def test_whose_identifier_moved_away_is_forgotten_without_it(folder: Path) -> None:
    with opened(folder) as deployment:
        other = unmerge(deployment, 0, [f"phone:{CARD[1]}"]).leaves[0]
        deployment.forget(0)
    assert places_of(folder, traces_of(folder, ANNA, VISIT, PHONE)) == set()
    shutil.rmtree(folder / "snapshots")
    with opened(folder) as deployment:
        assert find_customer(folder, CARD[1]) == other
        assert deployment.identity.how_many(other, deployment.catalogue.identifiers["phone"]) == 1
    imported(folder, [visit(used("", START + 30 * DAY, 40), CARD)], "later")
    assert [event.properties["used_pct"] for event in view_customer(folder, other).events] == [40]
    assert replay(folder).equal


def test_she_is_handed_out_what_came_in_by_any_of_her_numbers(folder: Path) -> None:
    found = export_person(folder, 0, by="tests")
    assert found.identifiers == tuple(sorted(HERS))
    assert found.personal["full_name"] == NAME
    said = [line for line in found.history if line.name == "data_usage_reported"]
    assert sorted(line.details["used_pct"] for line in said) == [81, 85, 88, 90, 95, 97, 99]
    assert any(line.more == {"remark": NOTE} for line in said)
    assert {line.kind for line in found.history} >= {"merged", "identifier", "consent"}
    assert any(PHONE[1] in one.text for one in found.raw)


def test_a_period_with_merges_partings_and_forgetting_is_simulated_as_it_was(folder: Path, tmp_path: Path) -> None:
    with opened(folder) as deployment:
        unmerge(deployment, 0, [f"anonymous:{VISIT[1]}"])
    imported(folder, [visit(used("", START + 12 * DAY, 90), PHONE), used("bert", START + 12 * DAY, 99)], "later")
    with opened(folder) as deployment:
        deployment.forget(1)
        merge(deployment, 0, 3)
    imported(folder, [used("bert", START + 20 * DAY, 99), visit(used("", START + 20 * DAY, 90), VISIT)], "end")
    for since in (0, START + 2 * DAY + 12 * 3_600_000, START + 11 * DAY):
        found = simulate(folder, None, since, 2**62, customers_max=CUSTOMERS_MAX)
        assert found.equal, since
    same = read_definitions(tmp_path / "definitions")
    drafted = simulate(folder, same, 0, 2**62, customers_max=CUSTOMERS_MAX)
    for one in drafted.campaigns:
        assert (one.draft.decisions, one.draft.contacts) == (one.then.decisions, one.then.contacts)
