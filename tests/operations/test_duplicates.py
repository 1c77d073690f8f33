"""The queue of duplicates: found without labels, masked, decided once and for good; names stay in `people.db`."""

import shutil
from pathlib import Path

import pytest

from opportune.operations import (
    DefinitionsRefusedError,
    DeploymentError,
    decide_pair,
    find_duplicates,
    list_clusters,
    list_duplicates,
    matching_of,
    merge_same,
    open_deployment,
    read_definitions,
    replay,
    show_duplicate,
)
from opportune.operations.duplicates import open_duplicates
from opportune.operations.publish import compile_playbook
from opportune.store import DuplicateRun, FoundPair, PairState
from opportune.warehouse import export
from tests.operations.little_mobile import CUSTOMERS_MAX, START, deployed, identify, imported
from tests.operations.twins import MATCHING, Pairs, definitions_in, populated


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pairs]:
    """A folder with a search done; tests only decide pairs of their own."""
    folder, truth = populated(tmp_path_factory.mktemp("twins"))
    steps: list[tuple[str, int, int]] = []
    done = find_duplicates(folder, matching_of(folder), lambda *step: steps.append(step))
    assert done.customers == 300 + len(truth)
    assert done.same + done.review == done.open
    assert steps[-1][1:] == (7, 8)
    return folder, truth


def test_most_of_those_who_are_there_twice_are_found(found: tuple[Path, Pairs]) -> None:
    folder, truth = found
    same = [one for one in list_duplicates(folder, limit=1_000) if one.score >= 950_000]
    pairs = {(one.low, one.high) for one in same}
    assert len(pairs & truth) > 0.9 * len(truth)
    assert len(pairs - truth) < 0.05 * len(pairs)


def test_names_are_masked_and_no_file_but_that_of_people_holds_them(found: tuple[Path, Pairs]) -> None:
    folder, _ = found
    (first, *_) = list_duplicates(folder, limit=1)
    page = show_duplicate(folder, first.number)
    open_page = show_duplicate(folder, first.number, reveal=True)
    names = {one.low for one in open_page.fields} | {one.high for one in open_page.fields}
    whole = [name for name in names if len(name) >= 6]
    assert whole
    assert not any(name in str(page) for name in whole)
    assert open_page.line.low_name == f"user:u{first.low:04}"
    assert page.line.low_name == "user:*****"
    assert {one.field for one in page.fields} == {"name", "born", "post", "mail"}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("people.db"):
            content = path.read_bytes()
            assert not any(name.encode() in content for name in whole), path


def test_apart_is_remembered_and_what_is_open_is_found_again(found: tuple[Path, Pairs]) -> None:
    folder, _ = found
    before = list_duplicates(folder, PairState.OPEN, 1_000)
    chosen = before[-1]
    line = decide_pair(folder, chosen.number, "apart", "eve", "brother and sister")
    assert (line.state, line.decided_by, line.why) == ("apart", "eve", "brother and sister")
    with pytest.raises(DeploymentError, match="is apart since eve decided it"):
        decide_pair(folder, chosen.number, "apart", "eve", "")
    with pytest.raises(DeploymentError, match="no pair 99999"):
        decide_pair(folder, 99_999, "apart", "eve", "")
    done = find_duplicates(folder, matching_of(folder))
    assert done.open == len(before) - 1
    (apart,) = list_duplicates(folder, PairState.APART)
    assert apart.number == chosen.number
    assert list_duplicates(folder, PairState.OPEN, 1_000) == [one for one in before if one.number != chosen.number]


def test_pages_go_on_where_the_last_one_ended(found: tuple[Path, Pairs]) -> None:
    folder, _ = found
    whole = list_duplicates(folder, limit=1_000)
    pages, after = [], None
    while page := list_duplicates(folder, None, 7, after):
        pages += page
        after = page[-1].score, page[-1].number
    assert pages == whole


def test_the_same_are_one_customer_from_then_on(found: tuple[Path, Pairs], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(found[0], tmp_path / "data"))
    first = list_duplicates(folder, PairState.OPEN)[0]
    with open_deployment(folder, customers_max=CUSTOMERS_MAX) as deployment:
        line = decide_pair(folder, first.number, "same", "eve", "one passport", deployment)
        assert (line.state, line.decided_by) == (PairState.MERGED, "eve")
        assert deployment.identity.members(first.low) == [first.low, first.high]
        assert merge_same(deployment, matching_of(folder), "eve") > 0
        assert len(deployment.identity.groups) > 1
    assert replay(folder, customers_max=CUSTOMERS_MAX).equal


def test_clusters_of_open_pairs_name_their_gaps(tmp_path: Path) -> None:
    folder = deployed(tmp_path / "data", definitions_in(tmp_path))
    with open_duplicates(folder) as duplicates:
        pairs = [FoundPair(low, high, 900_000, b"[]") for low, high in ((1, 2), (2, 3), (8, 9))]
        duplicates.replace_open(DuplicateRun("people", START, 9, 3, 0, 3), pairs)
    (cluster,) = list_clusters(folder)
    assert (cluster.customers, cluster.gaps) == ((1, 2, 3), ((1, 3),))
    number = next(one.number for one in list_duplicates(folder) if one.low == 1)
    assert show_duplicate(folder, number).gaps == ((1, 3),)


def test_fields_come_from_tags_and_identifiers_too(tmp_path: Path) -> None:
    matching = MATCHING.replace(
        "mail: {compare: email}",
        "mail: {compare: email, from: identifier.email}\n  paid: {compare: number, from: tag.arpu}",
    )
    matching = matching.replace("[name, born]]", "[name, born], paid]")
    folder = deployed(tmp_path / "data", definitions_in(tmp_path, matching))
    imported(folder, [
        {**identify(f"u{n}", START + n, name=f"anna{n % 30} li", born="1990-01-01", post="1000", arpu=n % 30), "identifier": {"kind": "email", "value": f"a{n}@x.org"}}
        for n in range(60)
    ])  # fmt: skip
    export(folder)
    done = find_duplicates(folder, matching_of(folder))
    assert done.customers == 60
    page = show_duplicate(folder, list_duplicates(folder)[0].number, reveal=True)
    fields = {one.field: (one.low, one.level) for one in page.fields}
    assert fields["paid"][1] == "equal"
    assert fields["mail"][0].endswith("@x.org")


@pytest.mark.parametrize(
    ("change", "path", "cause"),
    [
        (("compare: name", "compare: sound"), "fields[...].compare", "Invalid enum"),
        (("name: {compare: name}", "name: {compare: name, from: personal.nome}"), "fields.name.from", "no personal tag or property `nome`"),
        (("name: {compare: name}", "name: {compare: name, from: tag.born}"), "fields.name.from", "no tag `born`"),
        (("name: {compare: name}", "name: {compare: name, from: identifier.fax}"), "fields.name.from", "no kind of identifier `fax`"),
        (("born, [name, post]", "shoe, [name, post]"), "block[0]", "no field `shoe`"),
    ],
)  # fmt: skip
def test_a_matching_that_cannot_work_is_refused_at_its_place(
    tmp_path: Path, change: tuple[str, str], path: str, cause: str
) -> None:
    known = read_definitions(definitions_in(tmp_path, MATCHING.replace(*change)))
    with pytest.raises(DefinitionsRefusedError) as refused:
        compile_playbook(None, known)
    (problem,) = refused.value.problems
    assert (problem.family, problem.name, problem.path) == ("matching", "people", path)
    assert cause in problem.message
    assert problem.line > 0


def test_which_matching_is_asked_for_where_there_are_several(tmp_path: Path) -> None:
    none = deployed(tmp_path / "none")
    with pytest.raises(DeploymentError, match="say which matching; there are: none; write one"):
        matching_of(none)
    two = MATCHING + MATCHING[MATCHING.index("---\nmatching") :].replace("matching: people", "matching: twins")
    folder = deployed(tmp_path / "data", definitions_in(tmp_path, two))
    with pytest.raises(DeploymentError, match="there are: people, twins"):
        matching_of(folder)
    assert matching_of(folder, "twins").matching == "twins"
    with pytest.raises(DeploymentError, match="no matching `triplets`"):
        matching_of(folder, "triplets")
