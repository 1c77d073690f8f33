"""REST APIs by dlt: its client, paginators and incremental cursor. dlt's state is an argument and a result, so that it is kept with the rows.

dlt's pipelines are not used: they keep state and rows in files of their own, which could not be committed with ours.
"""

from collections.abc import Iterator
from typing import Any

from opportune.intake.connectors.fetching import Fetch, FetchFailedError, Reach, State, without
from opportune.intake.extras import extra
from opportune.intake.origins import ApiDefinition
from opportune.intake.tables import Row, json_of

RESOURCE = "rows"


def fetch_api(definition: ApiDefinition, state: State, reach: Reach) -> Iterator[Fetch]:
    """One fetch: all rows that are new. Raises FetchFailedError, ExtraMissingError."""
    settings = reach.account("api", definition.account)
    after: State = {"dlt": state.get("dlt", {})}
    yield Fetch(definition.path, _rows(definition, settings, after), after)


def _rows(definition: ApiDefinition, settings: dict[str, Any], after: State) -> Iterator[Row]:
    rest_api = extra("dlt.sources.rest_api", "sources")
    injectable = extra("dlt.common.pipeline", "sources").StateInjectableContext
    container = extra("dlt.common.configuration.container", "sources").Container
    secrets = [str(settings[name]) for name in ("token", "password", "api_key") if settings.get(name)]
    try:
        with container().injectable_context(injectable(state=after["dlt"])) as held:
            found = rest_api.rest_api_source(_config(definition, settings)).resources[RESOURCE]
            for item in found:
                if not isinstance(item, dict):
                    raise FetchFailedError(
                        f"api: {definition.path} gives no objects; say with `rows` where they are in the answer"
                    )
                yield Row({str(name): json_of(value) for name, value in item.items()}, b"")
            after["dlt"] = held.state
    except FetchFailedError:
        raise
    except Exception as error:  # dlt wraps what its libraries raise in errors of many trees
        told = without(str(error).strip().splitlines()[-1] if str(error) else type(error).__name__, iter(secrets))
        raise FetchFailedError(f"the API `{definition.account}` cannot be read: {told}") from None


def _config(definition: ApiDefinition, settings: dict[str, Any]) -> dict[str, Any]:
    """dlt's configuration of one resource."""
    base = settings.get("base_url")
    if not isinstance(base, str):
        raise FetchFailedError(
            f'the account `{definition.account}` of kind api needs a `base_url`, for example "https://api.example.com/v1/"'
        )
    client: dict[str, Any] = {"base_url": base.rstrip("/") + "/"}
    if settings.get("token"):
        client["auth"] = {"type": "bearer", "token": settings["token"]}
    elif settings.get("api_key"):
        client["auth"] = {
            "type": "api_key",
            "api_key": settings["api_key"],
            "name": settings.get("api_key_name", "X-API-Key"),
            "location": "header",
        }
    elif settings.get("password"):
        client["auth"] = {"type": "http_basic", "username": settings.get("user", ""), "password": settings["password"]}
    if definition.pages is not None:
        client["paginator"] = {name: _plain(value) for name, value in definition.pages.items()}
    endpoint: dict[str, Any] = {"path": definition.path.lstrip("/"), "params": dict(definition.params)}
    if definition.rows is not None:
        endpoint["data_selector"] = definition.rows
    if definition.cursor is not None:
        endpoint["params"][definition.cursor_param] = "{incremental.start_value}"
        endpoint["incremental"] = {"cursor_path": definition.cursor, "initial_value": definition.since}
    return {"client": client, "resources": [{"name": RESOURCE, "endpoint": endpoint}]}


def _plain(value: Any) -> Any:
    """A scalar of a definition, which is kept as text, as what it writes."""
    if not isinstance(value, str):
        return value
    if value in ("null", "true", "false", ""):
        return {"true": True, "false": False}.get(value)
    return int(value) if value.isdecimal() else value
