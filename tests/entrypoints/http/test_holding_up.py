"""What the server does under too much, at its end, and after it was killed."""

import asyncio
import json
import socket
import threading
from pathlib import Path
from uuid import uuid4

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from opportune.entrypoints.http import Limits
from opportune.entrypoints.http.body import ClientGoneError, read_body
from opportune.entrypoints.http.connections import protocol_of
from opportune.intake import BodyRefusedError
from opportune.operations import ingest, open_deployment
from opportune.store import Keys
from tests.entrypoints.http.server import Server, basic, facts_of, served_folder, used
from tests.operations.little_mobile import CUSTOMERS_MAX, lines

HOUR = 3_600_000
NOW = 1_796_112_000_000


def half_a_request(server: Server) -> socket.socket:
    """A request whose body is still to come: it is in flight until then."""
    held = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    head = f"POST /v1/batch HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(server.served.write_key)}\r\nContent-Length: 12\r\n\r\n"
    held.sendall(head.encode())
    return held


def test_too_many_in_flight_are_sent_back_in_a_second(tmp_path: Path) -> None:
    with Server(served_folder(tmp_path), "--requests-in-flight-max", "1") as server:
        with half_a_request(server) as held:
            answer = server.post("/v1/track", used("c1"))
            while answer.status == 200:  # the held one has not been looked at yet
                answer = server.post("/v1/track", used("c1"))
            assert answer.status == 429
            assert answer.headers["retry-after"] == "1"
            assert int(answer.headers["x-ratelimit-reset"]) > 0
            assert answer.json["code"] == "overloaded"
            held.sendall(b'{"batch":[]}')
            assert held.recv(100).startswith(b"HTTP/1.1 200")
        assert server.post("/v1/track", used("c1")).status == 200


def test_what_was_acknowledged_survives_a_kill_and_is_known_again(tmp_path: Path) -> None:
    served = served_folder(tmp_path)
    messages = [used(f"c{i % 7}", str(uuid4())) for i in range(40)]
    server = Server(served)
    with server:
        for message in messages:
            assert server.post("/v1/track", message).status == 200
        server.post("/v1/batch", {"batch": [{"type": "track"}]})
        server.kill()
        server.start()
        account = server.account()
        assert (account["received"], account["applied"], account["quarantined"]) == (41, 40, 1)
        assert server.post("/v1/batch", {"batch": messages}).status == 200
        account = server.account()
        assert (account["applied"], account["duplicates"]) == (40, 40)
        code, said = server.stop()
        assert (code, said) == (0, "")
    assert facts_of(served.folder)["EVENT"] == 40
    assert list((served.folder / "snapshots").iterdir())


def test_a_clean_stop_finishes_what_was_asked(tmp_path: Path) -> None:
    """Requests keep coming while the server is told to stop: each 200 is in the journal, and nothing else."""
    served = served_folder(tmp_path)
    acknowledged: list[int] = []
    with Server(served) as server:
        started = threading.Event()

        def send(worker: int) -> None:
            try:
                for i in range(10_000):
                    if server.post("/v1/track", used(f"c{worker}", f"{worker}-{i}")).status == 200:
                        acknowledged.append(1)
                    started.set()
            except OSError:
                return

        threads = [threading.Thread(target=send, args=(worker,)) for worker in range(4)]
        for thread in threads:
            thread.start()
        started.wait(30)
        code, said = server.stop()
        for thread in threads:
            thread.join(30)
    assert (code, said) == (0, "")
    assert len(acknowledged) > 0
    # a request whose answer did not get through may be in the journal, one whose answer did must be
    assert len(acknowledged) <= facts_of(served.folder)["EVENT"] <= len(acknowledged) + 4


def test_repeats_are_known_for_a_day_of_the_engines_clock_over_restarts(tmp_path: Path) -> None:
    served = served_folder(tmp_path)
    message = lines([used("c1", "the-same")])

    def taken(hours: int) -> tuple[int, int]:
        with open_deployment(served.folder, customers_max=CUSTOMERS_MAX) as deployment:
            done = ingest(deployment, deployment.decoder("web", "live"), message, NOW + hours * HOUR)
            done.commit.wait()
            return done.intake.applied, done.intake.duplicates

    assert [taken(hours) for hours in (0, 1, 12, 24)] == [(1, 0), (0, 1), (0, 1), (0, 1)]
    with open_deployment(served.folder, customers_max=CUSTOMERS_MAX) as deployment:
        decoder = deployment.decoder("web", "live")
        for hours in range(24, 60, 4):  # ids are forgotten in whole generations, as others come
            ingest(deployment, decoder, lines([used("c1", f"other-{hours}")]), NOW + hours * HOUR).commit.wait()
    assert taken(60) == (1, 0)


def read(messages: list[Message], length: int = -1, **limits: float) -> bytes:
    """What read_body makes of those messages; after the last one nothing more comes."""

    async def run() -> bytes:
        coming = iter(messages)

        async def receive() -> Message:
            for message in coming:
                return message
            await asyncio.sleep(60)
            raise AssertionError("waited for ever")

        return await read_body(receive, length, Limits(**limits))  # type: ignore[arg-type]  # whole numbers are floats too

    return asyncio.run(run())


def part(body: bytes, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def test_bodies_are_read_within_bounds() -> None:
    assert read([part(b"ab")]) == b"ab"
    assert read([part(b"a", True), part(b"b")]) == b"ab"
    for messages, length in (
        ([part(b"x" * 11)], -1),
        ([part(b"x" * 9, True), part(b"x" * 9)], -1),
        ([part(b"x" * 50, True)], -1),
        ([], 41),
    ):
        with pytest.raises(BodyRefusedError) as refused:
            read(messages, length, body_bytes_max=10, drained_bytes_max=40)
        assert refused.value.code == "too_large"
    with pytest.raises(TimeoutError):
        read([part(b"a", True)], body_seconds_max=0.05)
    with pytest.raises(ClientGoneError):
        read([part(b"a", True), {"type": "http.disconnect"}])


async def _no_app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_a_connection_that_says_nothing_is_cut() -> None:
    """uvicorn with our protocol: a silent client, one that begins a head and stops, and one that is as it should be."""

    async def run() -> list[bytes]:
        listening = socket.create_server(("127.0.0.1", 0))
        limits = Limits(head_seconds_max=0.3, connections_max=3)
        server = uvicorn.Server(
            uvicorn.Config(_no_app, http=protocol_of(limits), ws="none", lifespan="off", log_level="error")
        )
        serving = asyncio.create_task(server._serve(sockets=[listening]))
        port = listening.getsockname()[1]
        heard = []
        for said in (b"", b"GET / HT", b"GET / HTTP/1.1\r\n\r\nGET"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            try:
                heard.append((await asyncio.wait_for(reader.read(), 10))[:12])
            except ConnectionError:
                heard.append(b"")
            writer.close()
        server.should_exit = True
        await serving
        return heard

    assert asyncio.run(run()) == [b"", b"", b"HTTP/1.1 204"]


def test_a_head_that_begins_behind_a_large_body_is_not_taken_for_a_large_head(server: Server) -> None:
    """A client that pipelines: what comes in one piece with the end of a body of 200 kB is half of the next head."""
    host = f"Host: x\r\nAuthorization: {basic(server.served.write_key)}\r\n"
    body = json.dumps({"batch": [used(f"c{i % 7}", str(uuid4())) for i in range(2_000)]}).encode()
    head = f"POST /v1/batch HTTP/1.1\r\n{host}Content-Length: {len(body)}\r\n\r\n".encode()
    assert len(body) > 2 * Limits().head_bytes_max
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        heard = b""
        for _ in range(5):
            client.sendall(head + body + head[:40])
            while heard.count(b"HTTP/1.1 200") < 1:
                heard += client.recv(4_096)
            client.sendall(head[40:] + body)
            while heard.count(b"HTTP/1.1 200") < 2:
                heard += client.recv(4_096)
            heard = b""


def test_remote_addresses_are_meant_only_when_said(tmp_path: Path) -> None:
    server = Server(served_folder(tmp_path), "--host", "0.0.0.0")
    with pytest.raises(RuntimeError, match="--allow-remote"):
        server.start()


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    server = Server(served_folder(tmp_path))
    with socket.create_server(("127.0.0.1", server.port)), pytest.raises(RuntimeError, match=f":{server.port}"):
        server.start()


def test_keys_made_and_revoked_beside_the_server_are_heard_of(server: Server) -> None:
    keys = Keys(server.served.folder)
    made, text = keys.create(["intake:late"], "", 0)
    body = json.dumps({"batch": [], "writeKey": text}).encode()

    def until(status: int) -> None:
        for _ in range(200):
            if server.ask("POST", "/v1/batch", body).status == status:
                return
            threading.Event().wait(0.05)
        raise AssertionError(f"never {status}")

    until(200)
    keys.revoke(made.id, 1)
    until(401)
    keys.close()
