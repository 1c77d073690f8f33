"""Generated requests after the OpenAPI, sound ones and unsound ones: whatever comes, the answer is never a 500."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.entrypoints.http.server import Server, basic

EXAMPLES = 10
OPERATING = ("/v1/sources", "/v1/quarantine", "/metrics")


def asked(operation: Any, shown: str, mode: GenerationMode) -> None:
    """Ask generated requests of one operation."""

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        response = case.call(headers={"Authorization": shown})
        assert response.status_code < 500, (case.as_curl_command(), response.content)

    ask()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_generated_request_is_answered_with_a_500(shared_server: Server, mode: GenerationMode) -> None:
    described = schemathesis.openapi.from_url(f"{shared_server.url}/openapi.json")
    paths: set[str] = set()
    for found in described.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        key = shared_server.served
        shown = f"Bearer {key.operator}" if operation.path.startswith(OPERATING) else basic(key.write_key)
        if mode is GenerationMode.POSITIVE or operation.body or operation.query or operation.path_parameters:
            asked(operation, shown, mode)
            paths.add(operation.path)
    assert {"/v1/batch", "/batch/", "/sa", "/events", "/v1/quarantine/{number}/redrive"} <= paths
