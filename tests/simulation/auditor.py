"""What must hold of a data folder at any moment, whoever killed its process. It reads the folder; only `audit_opened` opens it as a start would."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from opportune.facts import FactBatch, FactKind, Outputs
from opportune.intake import hash_identifier, hash_message, key_words
from opportune.operations import Deployment, journal_of, read_group, replay
from opportune.store import Quarantined
from tests.simulation.worker import CUSTOMERS_MAX, open_folder
from tests.simulation.workload import Fate, Piece

DECISIONS_PER_FACT_MAX = 2
PAGE = 1_000
Stamp = tuple[int, int]


class Journaled(NamedTuple):
    """All groups of a journal."""

    first_seqs: list[int]
    batches: list[FactBatch]
    outputs: list[Outputs]


def read_journal(folder: Path) -> Journaled:
    """The whole journal; the numbering has no gaps."""
    first_seqs, batches, made = [], [], []
    seq = 0
    for group in journal_of(folder).read():
        assert group.first_seq == seq
        batch, outputs = read_group(group)
        assert len(batch) == group.count
        seq = group.end_seq
        first_seqs.append(group.first_seq)
        batches.append(batch)
        made.append(outputs)
    return Journaled(first_seqs, batches, made)


def audit_journal(folder: Path, pieces: Sequence[Piece], acknowledged: int) -> Journaled:
    """Acknowledged messages are there once, no message twice; decisions are numbered without gaps and caused by a fact of their group."""
    journal = read_journal(folder)
    counts = Counter(stamp for batch in journal.batches for stamp in stamps(batch))
    assert not [stamp for stamp, times in counts.items() if times > 1], "a message was applied twice"
    words = key_words(bytes.fromhex(msgspec.json.decode((folder / "key").read_bytes())["key"]))
    wanted = {
        hash_message(words, p.source, sent.message_id)
        for p in pieces
        for sent in p.messages
        if sent.fate is Fate.APPLIED
    }
    owed = [
        sent.message_id
        for piece in pieces[:acknowledged]
        for sent in piece.messages
        if sent.fate is Fate.APPLIED and hash_message(words, piece.source, sent.message_id) not in counts
    ]
    assert not owed, f"acknowledged, but not in the journal: {owed}"
    assert set(counts) <= wanted, "the journal holds messages that nobody sent"
    number = 0
    for first_seq, batch, outputs in zip(*journal, strict=True):
        number = _audit_decisions(outputs.decisions, first_seq, first_seq + len(batch), number)
    return journal


def stamps(batch: FactBatch) -> Iterator[Stamp]:
    """The message hashes of a batch, one per fact that carries a message."""
    for low, high in batch.message.tolist():
        if low or high:
            yield low, high


def _audit_decisions(decisions: Any, first_seq: int, end_seq: int, number: int) -> int:
    assert decisions["number"].tolist() == list(range(number, number + len(decisions)))
    assert ((decisions["seq"] >= first_seq) & (decisions["seq"] < end_seq)).all()
    pairs = Counter(zip(decisions["seq"].tolist(), decisions["campaign"].tolist(), strict=True))
    assert set(pairs.values()) <= {1}, "a campaign was decided twice for one fact"
    assert max(Counter(decisions["seq"].tolist()).values(), default=0) <= DECISIONS_PER_FACT_MAX
    return number + len(decisions)


def audit_opened(folder: Path, pieces: Sequence[Piece], acknowledged: int, *, identified: bool = True) -> None:
    """Open the folder as a start does, then: replay equals the journal, accounts balance, people and the quarantine are as the journal says.

    `identified`: every message has an id, so that the applied ones can be counted.
    """
    deployment = open_folder(folder)
    try:
        journal = audit_journal(folder, pieces, acknowledged)
        assert deployment.engine.next_seq == deployment.journal.next_seq == sum(map(len, journal.batches))
        replayed = replay(folder, customers_max=CUSTOMERS_MAX)
        assert replayed.equal, f"replay differs from the fact {replayed.differs_at} on"
        _audit_people(deployment, journal)
        _audit_accounts(deployment, journal, pieces, acknowledged, identified)
        _audit_playbooks(deployment, journal)
    finally:
        deployment.close(snapshot=False)


def _audit_people(deployment: Deployment, journal: Journaled) -> None:
    """people.db knows exactly the identifiers that the journal gave to customers."""
    wanted, customers = set(), 0
    for batch in journal.batches:
        customers += int(np.count_nonzero(batch.kind == FactKind.CUSTOMER))
        for row in np.flatnonzero(batch.kind == FactKind.IDENTIFIER).tolist():
            low, high = batch.values[batch.first[row] : batch.first[row + 1]].view(np.uint64).tolist()
            wanted.add((int(batch.customer[row]), int(batch.code[row]), low, high))
    assert deployment.engine.customers == deployment.identity.customers == customers
    words, kinds = key_words(deployment.key), deployment.catalogue.identifiers
    found = {
        (customer, number, *hash_identifier(words, kind, text))
        for kind, number in kinds.items()
        for customer, text in deployment.people.all_of(kind)
    }
    assert found == wanted


def _audit_accounts(
    deployment: Deployment, journal: Journaled, pieces: Sequence[Piece], acknowledged: int, identified: bool
) -> None:
    """received = applied + duplicates + quarantined per source; the journal and the quarantine hold as many as the accounts say."""
    accounts = deployment.accounting.sources
    assert all(account.balanced for account in accounts.values())
    applied = sum(1 for batch in journal.batches for _ in stamps(batch))
    assert not identified or applied == sum(account.applied for account in accounts.values())
    rows = quarantine_of(deployment)
    assert Counter(row.source for row in rows) == Counter(
        {name: a.quarantined for name, a in accounts.items() if a.quarantined}
    )
    assert all(0 < row.position <= accounts[row.source].received for row in rows)
    kept = {(row.source, row.body) for row in rows}
    for piece in pieces[:acknowledged]:
        for sent in piece.messages:
            assert sent.fate is not Fate.QUARANTINED or (piece.source, sent.line) in kept, sent
        assert accounts[piece.source].received >= 1


def quarantine_of(deployment: Deployment) -> list[Quarantined]:
    """All of the quarantine, the newest first."""
    rows: list[Quarantined] = []
    while page := deployment.people.quarantined(before=rows[-1].id if rows else None, limit=PAGE):
        rows += page
    return rows


def _audit_playbooks(deployment: Deployment, journal: Journaled) -> None:
    """Every version came into force once, and the store says the same as the journal."""
    seqs = [
        first + row
        for first, batch in zip(journal.first_seqs, journal.batches, strict=True)
        for row in np.flatnonzero(batch.kind == FactKind.PLAYBOOK).tolist()
    ]
    assert len(seqs) == deployment.playbook.version
    published = deployment.store.published()
    assert published == ((len(seqs), seqs[-1]) if seqs else None)


def essence(folder: Path) -> dict[str, Any]:
    """All that a folder knows, told so that two runs compare however their pieces were grouped.

    PROGRESS facts say only that a piece brought nothing new, so they are left out and the others numbered without them.
    """
    journal = read_journal(folder)
    kinds = np.concatenate([batch.kind for batch in journal.batches])
    rank = np.cumsum(kinds != FactKind.PROGRESS) - 1
    facts: list[Any] = []
    for batch in journal.batches:
        rows = zip(
            *(getattr(batch, name).tolist() for name in ("kind", "code", "customer", "at_ms", "now_ms", "message", "content")),
            (batch.values[a:b].tolist() for a, b in zip(batch.first[:-1].tolist(), batch.first[1:].tolist(), strict=True)),
            strict=True,
        )  # fmt: skip
        for at, row in enumerate(rows):
            if row[0] == FactKind.PLAYBOOK:
                facts.append((batch.bodies[row[1]], row[4]))  # its at_ms is the clock of the publisher
            elif row[0] != FactKind.PROGRESS:
                facts.append((row, batch.extras.get(at)))
    outputs = Outputs.concatenate(journal.outputs)
    for name in ("decisions", "goals", "withheld", "limits"):
        array = getattr(outputs, name)
        array["seq"] = rank[array["seq"]]
    outputs.goals["origin_seq"] = rank[outputs.goals["origin_seq"]]
    return {
        "facts": facts,
        "texts": [text for batch in journal.batches for text in batch.texts],
        **{name: getattr(outputs, name).tolist() for name in ("decisions", "goals", "withheld", "limits")},
    }


def people_of(folder: Path) -> dict[str, Any]:
    """All clear text of a folder, by customer."""
    deployment = open_folder(folder)
    try:
        people = deployment.people
        return {
            "identifiers": [people.identifiers_of(customer) for customer in range(deployment.engine.customers)],
            "personal": [people.personal_of(customer) for customer in range(deployment.engine.customers)],
        }
    finally:
        deployment.close(snapshot=False)


def state_of(deployment: Deployment) -> dict[str, Any]:
    """The whole state in memory as bytes, by name."""
    rooms = {
        "engine": deployment.engine.to_arrays(),
        "identity": deployment.identity.to_arrays(),
        "repeats": deployment.repeats.to_arrays(),
    }
    found: dict[str, Any] = {
        f"{room}/{name}": array.tobytes() for room, held in rooms.items() for name, array in held.items()
    }
    return found | {
        "texts": deployment.dictionary.since(0),
        "accounting": deployment.accounting.encode(),
        "playbook": deployment.playbook.body().encode(),
    }
