"""Serving a data folder over HTTP until a signal: stop accepting, finish what was asked, flush the journal, write a snapshot."""

import asyncio
import gc
import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn

from opportune.entrypoints.http.app import make_app
from opportune.entrypoints.http.connections import protocol_of
from opportune.entrypoints.http.limits import Limits
from opportune.facts import TextDictionary
from opportune.intake import KEY_BYTES, Clock, ColumnDecoder, IdentityIndex, RepeatFilter
from opportune.operations import Deployment, Service, SourceRuns
from opportune.store import Keys

REFRESH_SECONDS = 1.0
WARM_UP_CUSTOMERS = 1_000
BACKLOG = 2_048

OnListening = Callable[[str], None]
"""Called with the URL once requests are answered."""


class ServiceFailedError(Exception):
    """The service takes in nothing more and was stopped; what was acknowledged is kept."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises OSError, with the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from error
    return listening


def serve(
    deployment: Deployment,
    keys: Keys,
    listening: socket.socket,
    limits: Limits,
    on_listening: OnListening,
    clocks: Mapping[str, Clock] | None = None,
    sources: Path | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then close the deployment with a snapshot.

    `sources` is the folder of the sources' files: those that are due are run meanwhile; without it none is. `clocks` is for demonstrations: sources whose messages bring their own time. Raises ServiceFailedError where the deployment
    failed meanwhile.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(deployment, keys, listening, limits, on_listening, clocks, sources))


async def _serve(
    deployment: Deployment,
    keys: Keys,
    listening: socket.socket,
    limits: Limits,
    on_listening: OnListening,
    clocks: Mapping[str, Clock] | None,
    sources: Path | None,
) -> None:
    service = Service(deployment, clocks)
    app = make_app(service, keys, limits)
    config = uvicorn.Config(
        app, http=protocol_of(limits), ws="none", lifespan="off", access_log=False, log_level="warning", server_header=False,
        timeout_keep_alive=limits.idle_seconds_max, timeout_graceful_shutdown=limits.shutdown_seconds_max,
    )  # fmt: skip
    server = _Server(config)
    _warm_up(deployment)
    deployment.repeats.reserve_all()
    await service.start()
    gc.collect()
    gc.freeze()  # what lives as long as the process is not looked at again and again
    watching = asyncio.create_task(_watch(service, keys, server))
    runs = SourceRuns(service, sources) if sources is not None else None
    running = asyncio.create_task(runs.run()) if runs is not None else None
    host, port = listening.getsockname()[:2]
    on_listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    try:
        await server.serve(sockets=[listening])
    finally:
        if runs is not None:
            runs.stop()
        for task in (watching, running):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await service.stop()
        gc.unfreeze()  # what is left at the end is taken down in order
    if service.door.failure is not None:
        raise ServiceFailedError(f"stopped, because nothing could be taken in: {service.door.failure}")


def _warm_up(deployment: Deployment) -> None:
    """Load (the first time ever: compile) what decodes, so that the first request does not wait for it. Nothing is learnt from it."""
    decoder = ColumnDecoder(
        deployment.catalogue,
        TextDictionary(),
        IdentityIndex(WARM_UP_CUSTOMERS),
        RepeatFilter(),
        key=bytes(KEY_BYTES),
        source="",
        clock="live",
    )
    decoder.decode(b'{"type":"track","event":"","userId":"0"}', 0)


async def _watch(service: Service, keys: Keys, server: uvicorn.Server) -> None:
    """Hear of new and revoked keys; end the server when nothing can be taken in, so that whoever supervises it starts it again."""
    while service.ready:
        await asyncio.sleep(REFRESH_SECONDS)
        with suppress(Exception):  # a busy database is asked again in a second
            await asyncio.to_thread(keys.refresh)
    server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn's server, which leaves the process alive after a signal: the service still has to be stopped."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT begin a clean stop."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for one in signals:
            loop.add_signal_handler(one, self._stop)
        try:
            yield
        finally:
            for one in signals:
                loop.remove_signal_handler(one)

    def _stop(self) -> None:
        self.should_exit = True


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:  # the extra `speed` is optional
        return asyncio.new_event_loop
    return uvloop.new_event_loop
