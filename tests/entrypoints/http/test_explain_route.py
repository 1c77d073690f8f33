"""Explain over HTTP, of a real server that goes on writing: the answer, its scope, its refusals; the journal stays as it is."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from opportune.store import Keys
from tests.entrypoints.http.server import Server, facts_of, served_folder
from tests.entrypoints.http.test_decision_routes import at_any_time, consenting


def test_one_event_is_explained_beside_the_engine(tmp_path: Path) -> None:
    served = served_folder(tmp_path, at_any_time(tmp_path / "definitions"))
    keys = Keys(served.folder)
    _, metrics = keys.create(["metrics"], "metrics", 0)
    _, reader = keys.create(["read"], "reader", 0)
    keys.close()
    low = [{**one, "messageId": str(uuid4())} for one in consenting("low")]
    low[0]["traits"] = {"arpu": "47.00", "has_unlimited": False}
    with Server(served) as server:
        assert server.post("/v1/batch", {"batch": [*consenting("fits"), *low]}).status == 200
        before = facts_of(served.folder)

        def explained(query: str, key: str = reader) -> tuple[int, dict[str, Any]]:
            answer = server.ask("GET", f"/v1/explain?{query}", headers={"Authorization": f"Bearer {key}"})
            return answer.status, answer.json

        status, found = explained("customer=low")
        (one,) = [c for c in found["candidates"] if c["campaign"] == "data-pack-upsell"]
        assert (status, one["reason"], one["rank"]) == (200, "NOT_IN_AUDIENCE", 0)
        assert [(flip["kind"], flip["text"], flip["then"]) for flip in one["flips"]] in (
            [("tag", "Revenue per month 47.00 → 50.00", then)] for then in ("PROPOSED", "CONTROL", "UNIVERSAL_CONTROL")
        )
        assert found["agrees"]
        assert found["history_agrees"]
        assert explained(f"customer=low&event={found['seq']}")[1] == found
        assert "客户不属于目标客群" in str(explained("customer=low&lang=zh"))
        status, fits = explained("customer=user:fits")
        assert status == 200
        assert fits["decisions"]
        for query, code in (("customer=nobody", 404), ("customer=low&event=0", 404), ("customer=low&event=1&at=2026-01-01", 422),
                            ("customer=low&at=then", 404), ("", 422), ("customer=low&lang=fr", 422)):  # fmt: skip
            assert explained(query)[0] == code, query
        assert explained("customer=low", metrics)[0] == 403
        assert facts_of(served.folder) == before
        assert server.post("/v1/batch", {"batch": consenting("later")}).status == 200
        code, said = server.stop()
        assert code == 0, said
