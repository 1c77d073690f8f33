"""The raw routes in the OpenAPI: FastAPI describes what it serves, this adds the rest."""

from typing import Any

from fastapi import FastAPI

ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}
TEXT, OBJECT = {"type": ["string", "null"]}, {"type": ["object", "null"]}
ID = {"type": ["string", "integer", "null"]}
MESSAGE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": TEXT, "userId": ID, "anonymousId": ID, "event": TEXT, "name": TEXT, "category": TEXT, "groupId": ID, "previousId": ID,
        "properties": OBJECT, "traits": OBJECT, "context": OBJECT, "integrations": OBJECT, "timestamp": TEXT, "sentAt": TEXT,
        "messageId": TEXT, "writeKey": TEXT,
    },
}  # fmt: skip
BATCH = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": {"type": "array", "items": MESSAGE}, "sentAt": TEXT, "writeKey": TEXT, "context": OBJECT},
}
CAPTURE = {
    "type": "object",
    "required": ["event"],
    "properties": {
        "event": {"type": "string"},
        "distinct_id": ID,
        "uuid": TEXT,
        "timestamp": TEXT,
        "properties": OBJECT,
        "api_key": TEXT,
    },
}
CAPTURES = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": {"type": "array", "items": CAPTURE}, "api_key": TEXT, "sent_at": TEXT},
}
CLOUD_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        name: {"type": "string"}
        for name in ("specversion", "id", "source", "type", "subject", "time", "datacontenttype")
    }
    | {"data": {}, "data_base64": {"type": "string"}},
}
FORM = {
    "type": "object",
    "properties": {"data": {"type": "string"}, "data_list": {"type": "string"}, "gzip": {"type": "integer"}},
}
FLAGS = {"type": "object", "properties": {"api_key": TEXT, "distinct_id": ID}}

JSON = "application/json"
SINGLE_NAMES = ("track", "identify", "page", "screen", "group", "alias", "merge")


def _bodies(*schemas: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"required": True, "content": {kind: {"schema": schema} for kind, schema in schemas}}


def _route(summary: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    refused = {"description": "Refused; nothing was taken in.", "content": {JSON: {"schema": ERROR}}}
    told: dict[str, Any] = {
        "tags": ["intake"],
        "summary": summary,
        "security": [{"writeKey": []}, {"bearer": []}],
        "responses": {
            "200": {"description": "All of it is on disk."},
            **dict.fromkeys(("400", "401", "405", "408", "413", "415", "429"), refused),
        },
    }
    if body is not None:
        told["requestBody"] = body
    return told


def _query(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]


def intake_paths() -> dict[str, Any]:
    """The intake's routes as path items. Short routes of the same meaning are named in the summaries."""
    batch = _bodies((JSON, BATCH), ("text/plain", {"type": "string"}))
    paths: dict[str, Any] = {
        "/v1/batch": {"post": _route("A batch of messages (also /v1/b, /v1/import, /beacon/v1/batch)", batch)},
        "/batch/": {"post": _route("PostHog: a batch of events", _bodies((JSON, CAPTURES)))},
        "/capture/": {"post": _route("PostHog: one event (also /e/, /i/v0/e/)", _bodies((JSON, CAPTURE)))},
        "/flags/": {"post": _route("PostHog: flags; there are none", _bodies((JSON, FLAGS)))},
        "/sa": {"post": _route("Sensors: events in a form", _bodies(("application/x-www-form-urlencoded", FORM)))},
        "/events": {
            "post": _route(
                "CloudEvents: binary, structured or batch",
                _bodies(
                    ("application/cloudevents+json", CLOUD_EVENT),
                    ("application/cloudevents-batch+json", {"type": "array", "items": CLOUD_EVENT}),
                    (JSON, {}),
                ),
            )
        },
    }
    for name in SINGLE_NAMES:
        paths[f"/v1/{name}"] = {"post": _route(f"One message: {name} (also /v1/{name[0]})", _bodies((JSON, MESSAGE)))}
    for name in ("track", "page"):
        told = _route(f"A tracking pixel: {name}; the query's names are paths")
        paths[f"/pixel/v1/{name}"] = {
            "get": {**told, "parameters": _query("writeKey", "userId", "anonymousId", "event", "properties.amount")}
        }
    return paths


def describe(app: FastAPI) -> None:
    """Let the app's OpenAPI tell of the raw routes and of the ways to show a key."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            told = generate()
            told["paths"] |= intake_paths()
            schemes = told.setdefault("components", {}).setdefault("securitySchemes", {})
            schemes["writeKey"] = {
                "type": "http",
                "scheme": "basic",
                "description": "The key as user name, no password.",
            }
            schemes["bearer"] = {"type": "http", "scheme": "bearer"}
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI offers to extend its OpenAPI
