"""Forgetting and handing out over HTTP, of a real server that goes on taking in meanwhile."""

import json
import threading
from pathlib import Path
from uuid import uuid4

from opportune.operations import replay
from opportune.store import Keys
from tests.entrypoints.http.server import Server, served_folder, used
from tests.operations.forgetting_world import places_of
from tests.operations.little_mobile import CUSTOMERS_MAX

PHONE = "13912345678"


def test_forgetting_while_others_are_taken_in(tmp_path: Path) -> None:
    served = served_folder(tmp_path)
    keys = Keys(served.folder)
    _, reader = keys.create(["read", "operate"], "reader", 0)
    keys.close()
    traces = {"phone": PHONE.encode(), "utf-16": PHONE.encode("utf-16-le"), "note": b"call after six"}
    ask = json.dumps({"identifier": f"user:{PHONE}", "why": "ticket 4"}).encode()
    with Server(served) as server:
        hers = used(PHONE, str(uuid4()), 50)
        hers["properties"]["remark"] = "call after six"
        wrong = {"type": "track", "event": "no_such_event", "userId": "other", "properties": {"who": PHONE}}
        assert (
            server.post("/v1/batch", {"batch": [hers, wrong, *(used(f"c{i}", str(uuid4())) for i in range(50))]}).status
            == 200
        )
        exported = server.operate("POST", "/v1/customers/export", ask).json
        assert exported["identifiers"] == [["user", PHONE]]
        assert exported["raw"][0]["reason"] == "unknown_event"
        page = server.operate(
            "POST", "/v1/customers/export", json.dumps({"identifier": PHONE, "form": "html"}).encode()
        )
        assert (page.headers["content-type"], PHONE.encode() in page.body) == ("text/html; charset=utf-8", True)
        authorized = {"Authorization": f"Bearer {reader}"}
        for path in ("/v1/customers/forget", "/v1/customers/export"):
            assert server.ask("POST", path, ask, authorized).status == 403
        assert places_of(served.folder, traces)  # in the journal, its note
        sent = threading.Event()

        def send() -> None:
            while not sent.is_set():
                assert (
                    server.post("/v1/batch", {"batch": [used(f"c{i}", str(uuid4())) for i in range(20)]}).status == 200
                )

        sender = threading.Thread(target=send)
        sender.start()
        try:
            told = server.operate("POST", "/v1/customers/forget", ask)
        finally:
            sent.set()
            sender.join()
        assert told.status == 200, told.body
        assert told.json["erased"]["facts"] == 2
        assert places_of(served.folder, traces) == set()
        again = server.operate("POST", "/v1/customers/forget", ask).json
        assert again["customer"] is None
        assert server.operate("GET", f"/v1/customers/{PHONE}").status == 404
        said = server.operate("GET", "/v1/audit").json
        assert [(line["what"], line["why"]) for line in said] == [
            ("forget", "ticket 4"), ("forget", "ticket 4"), ("export-person", ""), ("export-person", "ticket 4"),
        ]  # fmt: skip
        assert all(line["who"].startswith("key ") for line in said)
        assert server.post("/v1/batch", {"batch": [used(PHONE, str(uuid4()), 5)]}).status == 200
        new = server.operate("GET", f"/v1/customers/{PHONE}").json
        assert new["customer"] != told.json["customer"]
        assert len([entry for entry in new["timeline"] if entry["kind"] == "event"]) == 1
        code, said_last = server.stop()
        assert code == 0, said_last
    assert replay(served.folder, customers_max=CUSTOMERS_MAX).equal
