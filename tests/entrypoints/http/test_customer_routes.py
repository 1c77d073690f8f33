"""The 360° view, audiences, segments and tags over HTTP, of a real server; exported facts and the newest alike."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from opportune.store import Keys
from tests.entrypoints.http.server import Server, served_folder, used
from tests.operations.little_mobile import MINIMAL

COLD = """
---
tag: reports_today
title: {en: Reports of use today, zh: 当天用量上报次数}
category: data
counter: {of: data_usage_reported, measure: count, over: 1d, bucket: hour}
"""


def check_what_is_not_at_hand(server: Server, view: dict[str, Any]) -> None:
    """A tag that nothing decides by: its values, and that of one customer, come out of the warehouse."""
    assert {tag["tag"]: tag["at_hand"] for tag in view["tags"]} == {
        **{tag["tag"]: True for tag in view["tags"]},
        "reports_today": False,
    }
    reports = server.operate("GET", "/v1/tags/reports_today").json
    assert (reports["entry"]["hot"], reports["values"]["largest"], reports["values"]["known"]) == (False, 30, 10)
    hers = server.operate("GET", "/v1/customers/customer-7/tags/reports_today?lang=zh").json
    assert (hers["value"], hers["title"], hers["customer"]) == (30, "当天用量上报次数", view["customer"])
    early = server.operate("GET", "/v1/customers/customer-7/tags/reports_today?as_of=2020-01-01")
    assert early.status == 404


def test_one_customer_and_what_is_counted(tmp_path: Path) -> None:
    definitions = tmp_path / "definitions"
    definitions.mkdir()
    whole = "\n---\n".join(path.read_text() for path in sorted(MINIMAL.glob("*.yaml")))
    (definitions / "all.yaml").write_text(whole + "\n---\nsegment: payers\nwhere: arpu >= 50\n" + COLD)
    served = served_folder(tmp_path, definitions)
    keys = Keys(served.folder)
    _, reader = keys.create(["read"], "reader", 0)
    keys.close()
    with Server(served) as server:
        batch = [{"type": "identify", "userId": f"customer-{i}", "traits": {"arpu": str(10 * i)}} for i in range(10)]
        batch += [used("customer-7", str(uuid4()), 10 + i) for i in range(30)]
        assert server.post("/v1/batch", {"batch": batch}).status == 200
        command = [
            sys.executable,
            "-c",
            "from opportune.entrypoints import main; main()",
            "export",
            "--folder",
            str(served.folder),
            "--json",
        ]
        told = subprocess.run(command, capture_output=True, text=True, check=True)  # beside the running service
        assert json.loads(told.stdout)["facts"] > 40
        assert server.post("/v1/batch", {"batch": [used("customer-7", str(uuid4()), 99)]}).status == 200
        view = server.operate("GET", "/v1/customers/customer-7?limit=5").json
        assert view["timeline"][0]["details"]["used_pct"] == 99
        assert view["identifiers"] == ["user:cu******-7"]
        arpu = next(tag for tag in view["tags"] if tag["tag"] == "arpu")
        assert (arpu["value"], arpu["freshness"], arpu["set_at"] != "") == ("70.00", "monthly", True)
        assert server.operate("GET", f"/v1/customers/%23{view['customer']}?reveal=true").json["identifiers"] == [
            "user:customer-7"
        ]
        entries, before = view["timeline"], view["next"]
        while before is not None:
            page = server.operate("GET", f"/v1/customers/customer-7/timeline?limit=7&before={before}").json
            entries, before = entries + page["entries"], page["next"]
        assert [entry["details"]["used_pct"] for entry in entries if entry["kind"] == "event"] == [
            99,
            *range(39, 9, -1),
        ]
        assert server.operate("GET", "/v1/audience?where=arpu%20%3E%3D%2050").json == {"customers": 5, "in_all": 10}
        assert [one["customers"] for one in server.operate("GET", "/v1/segments").json] == [5]
        assert server.operate("GET", "/v1/tags/arpu?lang=zh").json["values"]["known"] == 10
        check_what_is_not_at_hand(server, view)
        listed = server.operate("GET", "/v1/tags?search=plan").json
        assert [one["tag"] for one in listed["tags"]] == ["has_unlimited"]
        assert {one["category"]: one["with_below"] for one in listed["categories"]} == {
            "subscription": 1,
            "subscription/plan": 1,
        }
        uses = server.operate("GET", "/v1/tags/arpu/lineage").json["used_by"]
        assert {("campaign", "data-pack-upsell"), ("segment", "payers")} == {
            (one["family"], one["name"]) for one in uses
        }
        assert server.operate("GET", "/v1/events?origin=sent").json["seen"][0]["source"] == "web"
        event = server.operate("GET", "/v1/events/data_usage_reported").json
        assert ([one["count"] for one in event["seen"]], event["changes"][0]["kind"]) == ([31], "added")
        authorized = {"Authorization": f"Bearer {reader}"}
        assert server.ask("GET", "/v1/customers/customer-7", headers=authorized).status == 200
        assert server.ask("GET", "/v1/customers/customer-7?reveal=true", headers=authorized).status == 403
        assert server.ask("GET", "/v1/customers/customer-7").status == 401
        for path, status in (
            ("/v1/customers/nobody", 404), ("/v1/customers/%2399999", 404), ("/v1/customers/customer-7?limit=0", 422),
            ("/v1/tags/apru", 404), ("/v1/customers/customer-7/tags/apru", 404), ("/v1/customers/nobody/tags/arpu", 404), ("/v1/tags/apru/lineage", 404), ("/v1/events/apru", 404), ("/v1/audience?where=apru%20%3E%201", 422), ("/v1/customers/customer-7/timeline?before=-1", 422),
        ):  # fmt: skip
            assert server.operate("GET", path).status == status, path
        code, said = server.stop()
        assert code == 0, said
