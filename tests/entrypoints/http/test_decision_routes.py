"""Decisions since a number, asked of a real server."""

import shutil
from pathlib import Path
from uuid import uuid4

from opportune.store import Keys
from tests.entrypoints.http.server import Server, served_folder, used
from tests.operations.little_mobile import MINIMAL


def consenting(user: str) -> list[dict[str, object]]:
    """A customer who may be contacted, and has reason to be."""
    return [
        {"type": "identify", "userId": user, "traits": {"arpu": "90", "has_unlimited": False}},
        {"type": "consent", "userId": user, "purpose": "marketing", "given": True},
        {**used(user, str(uuid4()), 85)},
    ]


def at_any_time(folder: Path) -> Path:
    """The minimal example without the hours and days on which nothing is pushed: a live clock may show any."""
    shutil.copytree(MINIMAL, folder)
    for file in ("policy.yaml", "touchpoints.yaml"):
        kept = [
            line
            for line in (folder / file).read_text().splitlines()
            if not line.startswith(("quiet_hours", "holidays"))
        ]
        (folder / file).write_text("\n".join(kept))
    return folder


def test_decisions_are_read_since_a_number_once_they_are_acknowledged(tmp_path: Path) -> None:
    served = served_folder(tmp_path, at_any_time(tmp_path / "definitions"))
    keys = Keys(served.folder)
    _, reader = keys.create(["read"], "reader", 0)
    keys.close()
    with Server(served) as server:
        assert server.operate("GET", "/v1/decisions").json == {"decisions": [], "next": -1}
        after, seen = -1, []
        for round_ in range(5):
            users = [f"customer-{round_}-{i}" for i in range(8)]
            assert (
                server.post("/v1/batch", {"batch": [line for user in users for line in consenting(user)]}).status == 200
            )
            page = server.operate("GET", f"/v1/decisions?after={after}&reveal=true").json
            assert [one["number"] for one in page["decisions"]] == list(range(after + 1, page["next"] + 1))
            assert {one["identifier"] for one in page["decisions"]} <= {f"user:{user}" for user in users}
            after = page["next"]
            seen += page["decisions"]
        whole = server.operate("GET", "/v1/decisions?limit=1000&reveal=true").json
        assert whole["decisions"] == seen
        authorized = {"Authorization": f"Bearer {reader}"}
        masked = server.ask("GET", "/v1/decisions?limit=1", headers=authorized).json["decisions"]
        assert all("*" in one["identifier"] for one in masked)
        assert server.ask("GET", "/v1/decisions?reveal=true", headers=authorized).status == 403
        assert server.ask("GET", "/v1/decisions").status == 401
        for wrong in ("after=-2", "limit=0", "limit=10001", "after=x"):
            assert server.operate("GET", f"/v1/decisions?{wrong}").status == 422
        assert len(seen) > 20
        code, said = server.stop()
        assert code == 0, said
