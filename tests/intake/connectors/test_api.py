"""REST APIs by dlt, against a server that the tests start: pages, the cursor and its state, the token in no error."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opportune.intake import FetchFailedError, Reach, State, cells_of, stored_row
from opportune.intake.connectors.api import fetch_api
from opportune.intake.origins import ApiDefinition
from tests.intake.connectors.web import Asked, Told, Web, web

TOKEN = "s3cret-token"
PAGE = 3


class Shop:
    """Orders behind a token, page by page, by the time of their change."""

    def __init__(self) -> None:
        self.orders = [
            {"id": n, "changed": f"2026-01-{n:02}T00:00:00Z", "price": n + 0.1, "lines": [{"n": n}]}
            for n in range(1, 8)
        ]

    def __call__(self, asked: Asked) -> Told:
        """Answer."""
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Told(json.dumps({"error": f"the token {TOKEN} was expected"}), 401, "application/json")
        if asked.path != "/v1/orders":
            return Told("{}", 404, "application/json")
        found = [order for order in self.orders if str(order["changed"]) >= asked.params.get("since", "")]
        page = int(asked.params.get("page", "1"))
        items = found[(page - 1) * PAGE : page * PAGE]
        return Told(json.dumps({"data": {"items": items}}), 200, "application/json")


ORDERS = ApiDefinition(
    "orders", rows="data.items", cursor="changed", since="2026-01-02T00:00:00Z", params={"kind": "all"},
    pages={"type": "page_number", "base_page": "1", "total_path": "null"},
)  # fmt: skip


@pytest.fixture
def shop() -> Shop:
    """What the server sells."""
    return Shop()


@pytest.fixture
def server(shop: Shop) -> Iterator[Web]:
    """The server."""
    with web(shop) as found:
        yield found


def taken(server: Web, state: State, definition: ApiDefinition = ORDERS, **settings: Any) -> tuple[list[int], State]:
    """The ids fetched now, and the state after, as it comes back from where it is kept."""
    account = {"base_url": f"{server.url}/v1", "token": TOKEN, **settings}
    (one,) = fetch_api(definition, state, Reach(Path(), {"api": {"default": account}}))
    rows = [cells_of(stored_row(row)) or {} for row in one.rows]
    return [int(row["id"]) for row in rows], json.loads(json.dumps(one.state))


def test_only_what_is_new_is_fetched_page_by_page(server: Web, shop: Shop) -> None:
    found, state = taken(server, {})
    assert found == [2, 3, 4, 5, 6, 7]
    assert {one.params["kind"] for one in server.asked} == {"all"}
    assert taken(server, state)[0] == []
    shop.orders.append(
        {"id": 8, "changed": "2026-01-07T00:00:00Z", "price": 1, "lines": []}
    )  # at the same moment as the last one
    shop.orders.append({"id": 9, "changed": "2026-02-01T00:00:00Z", "price": 1, "lines": []})
    asked = len(server.asked)
    found, state = taken(server, state)
    assert found == [8, 9]
    assert server.asked[asked].params["since"] == "2026-01-07T00:00:00Z"
    assert taken(server, state)[0] == []


def test_values_come_as_they_were_sent(server: Web) -> None:
    (one,) = fetch_api(
        ORDERS, {}, Reach(Path(), {"api": {"default": {"base_url": f"{server.url}/v1", "token": TOKEN}}})
    )
    row = next(one.rows)
    assert cells_of(stored_row(row)) == {
        "id": b"2",
        "changed": b'"2026-01-02T00:00:00Z"',
        "price": b"2.1",
        "lines": b'[{"n":2}]',
    }


@pytest.mark.parametrize(
    ("definition", "settings", "cause"),
    [(ORDERS, {"token": "wrong-secret"}, "401"), (ApiDefinition("nothing"), {}, "404"), (ORDERS, {"base_url": None}, "base_url"),
     (ApiDefinition("orders", account="other"), {}, "no account `other`")],
)  # fmt: skip
def test_what_cannot_be_read_is_told_without_the_token(
    server: Web, definition: ApiDefinition, settings: dict[str, Any], cause: str
) -> None:
    with pytest.raises(FetchFailedError, match=cause) as told:
        taken(server, {}, definition, **settings)
    assert "wrong-secret" not in str(told.value)
    assert TOKEN not in str(told.value)
