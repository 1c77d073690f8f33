"""A folder with a person in every corner of it, and a search of every byte for her."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from opportune.intake import hash_identifier, key_words
from opportune.operations import create_deployment, ingest, open_deployment, publish, read_definitions
from opportune.operations.folder_key import read_key
from opportune.store import Inbox, Loads, NewMessage, Outbox, People, WorkItems
from opportune.warehouse import export
from tests.operations.little_mobile import (
    CUSTOMERS_MAX,
    DAY,
    MINIMAL,
    START,
    bought,
    by_time,
    consent,
    lines,
    month,
    used,
)

PHONE = "13912345678"
OTHER_PHONE = "13900000001"
NAME = "Zhang Xiaofang"
NOTE = "prefers to be called in the evening"
HER = 60
"""Her customer number: sixty others came before."""
PERSONAL = """
tag: full_name
title: {en: Name, zh: 姓名}
category: person
type: text
sensitivity: personal
---
tag: mobile
title: {en: Phone, zh: 手机}
category: person
type: text
sensitivity: personal
"""


def her_messages() -> Iterator[dict[str, object]]:
    """Her month: named by user and phone, decided on, offered something, and heard of in ways that nobody understood."""
    first = {
        "type": "identify",
        "userId": "she-0001",
        "identifier": {"kind": "phone", "value": PHONE},
        "timestamp": START + 100,
    }
    yield {
        **first,
        "traits": {
            "arpu": "80",
            "has_unlimited": False,
            "full_name": NAME,
            "mobile": PHONE,
            "upsell_propensity": 900_000,
        },
    }
    yield consent("she-0001", START + 101)
    for day in range(2, 29, 3):
        event = used("she-0001", START + day * DAY + 6 * 3_600_000, 95)
        event["properties"]["remark"] = f"{NOTE} {day}"
        yield event
        yield bought("she-0001", START + day * DAY + 7 * 3_600_000, "35.00")
    yield {
        "type": "track",
        "event": "no_such_event",
        "userId": "she-0001",
        "timestamp": START + DAY,
        "properties": {"a": PHONE},
    }
    yield used(OTHER_PHONE, START + DAY, 5, properties={"used_pct": 5, "called": PHONE})
    yield {
        "type": "track",
        "event": "no_such_event",
        "userId": "other",
        "timestamp": START + DAY,
        "properties": {"a": OTHER_PHONE},
    }


def make(folder: Path) -> Path:
    """The folder."""
    definitions = folder.parent / "definitions"
    shutil.copytree(MINIMAL, definitions)
    (definitions / "personal.yaml").write_text(PERSONAL)
    create_deployment(folder, seed="forgetting")
    messages = by_time(iter([*month(), *her_messages()]))
    with open_deployment(folder, customers_max=CUSTOMERS_MAX, segment_bytes_max=100_000) as deployment:
        publish(deployment, read_definitions(definitions), "tests")
        decoder = deployment.decoder("world", "import")
        for at in range(0, len(messages), 50):
            ingest(deployment, decoder, lines(messages[at : at + 50]), START)
            if at == 500:
                deployment.flush()
                deployment.snapshot()
                export(folder)
        deployment.flush()
        assert deployment.people.customer_of("phone", PHONE) == HER
        _outside(deployment.folder, deployment.people)
    export(folder)
    return folder


def _outside(folder: Path, people: People) -> None:
    """What other doors keep of her: raw rows, messages, inbox, work list, files."""
    secrets = read_key(folder).secrets()
    with closing(Loads(folder, secrets)) as loads:
        number = loads.begin("crm", 0, 1)
        raw = [json.dumps({"tel": "139-1234-5678", "n": NAME}).encode(), b'{"tel": "13900000001"}']
        loads.add_rows("crm", number, 0, raw)
        loads.stage("crm", number, 2, b"{}", 2)
    with closing(Outbox(folder)) as outbox:
        outbox.put(
            [
                NewMessage("900", "sms", HER, variables={"name": NAME, "event": {"note": NOTE}}),
                NewMessage("901", "sms", 3),
            ],
            1,
        )
        outbox.put([NewMessage("test-1", "sms", 3, variables={"to": PHONE}, is_test=True)], 1)
    with closing(Inbox(folder, people)) as inbox:
        inbox.place("902", "app_home", HER, {"text": f"Dear {NAME}"}, 1)
    with closing(WorkItems(folder, people)) as items:
        items.place("903", "call_centre", HER, {"script": f"Call {PHONE}"}, 1)
        items.place("904", "call_centre", 3, {"script": "Call her"}, 1)
    (folder / "accounts.json").write_text(
        json.dumps({"file": {"default": {"folder": "out"}, "csv": {"folder": "out", "form": "csv"}}})
    )
    (folder / "accounts.json").chmod(0o600)
    (folder / "out").mkdir()
    said = [{"key": str(i), "touchpoint": "sms", "customer": who, "address": to, "text": f"Dear {name}"} for i, (who, to, name) in enumerate([(HER, PHONE, NAME), (3, OTHER_PHONE, "Li")])]  # fmt: skip
    (folder / "out" / "sms-2026-11-02.ndjson").write_bytes(lines(said))
    row = '{},sms,{},{},zh,"{}","Dear {},\nhello","","",c,o,False,5\r\n'
    head = "key,touchpoint,customer,address,language,subject,text,html,script,campaign,offer,test,at_ms\r\n"
    body = head + row.format(7, HER, PHONE, "s", NAME) + row.format(8, 3, OTHER_PHONE, "s", "Li")
    (folder / "out" / "sms-2026-11-02.csv").write_text(body, newline="")
    assert people.personal_of(HER)["full_name"] == NAME


def her_traces(folder: Path) -> dict[str, bytes]:
    """Every form in which she may lie in the folder."""
    words = key_words(read_key(folder).secrets().hashing)
    found = {}
    for kind, text in (("phone", PHONE), ("user", "she-0001")):
        low, high = hash_identifier(words, kind, text)
        found[f"hash of {kind}"] = np.array([low, high], np.uint64).tobytes()
        found[f"half of the hash of {kind}"] = np.array([low], np.uint64).tobytes()
        found[kind], found[f"{kind} utf-16"], found[f"{kind} utf-16 be"] = (
            text.encode(),
            text.encode("utf-16-le"),
            text.encode("utf-16-be"),
        )
    return found | {"name": NAME.encode(), "note": NOTE.encode(), "digits": b"139-1234-5678", "dear": b"Dear Zhang"}


def places_of(folder: Path, traces: dict[str, bytes]) -> set[tuple[str, str]]:
    """(trace, file) of everything that is found of her, in any file of the folder."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found |= {(name, str(path.relative_to(folder))) for name, trace in traces.items() if trace in data}
    return found
