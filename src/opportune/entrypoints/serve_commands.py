"""The command that serves: events over HTTP, until a signal."""

from pathlib import Path
from typing import Annotated

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import DEFAULT_FOLDER, Folder
from opportune.entrypoints.tables import progress

PORT_MAX = 65_535
REQUESTS_IN_FLIGHT_MAX = 5_000


def serve(
    folder: Folder = DEFAULT_FOLDER,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=PORT_MAX, help="The port; 0 takes any free one.")] = 8080,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="Listen on an address that other machines can reach; put TLS in front."),
    ] = False,
    sources: Annotated[
        Path | None,
        typer.Option("--sources", help="The folder of the sources' files: sources that are due are run meanwhile."),
    ] = None,
    in_flight_max: Annotated[
        int,
        typer.Option(
            "--requests-in-flight-max", min=1, help="More requests at a time are answered 429: come back in a second."
        ),
    ] = REQUESTS_IN_FLIGHT_MAX,
) -> None:
    """Serve a data folder over HTTP: intake by the tracking protocols, accounting, quarantine, metrics.

    SIGTERM stops it cleanly: no new connections, what was asked is finished, the journal is flushed and a snapshot written.
    """
    from opportune.entrypoints.http import Limits, ServiceFailedError, is_loopback, listen
    from opportune.entrypoints.http import serve as serve_http
    from opportune.operations import open_deployment
    from opportune.store import Keys

    if not allow_remote and not is_loopback(host):
        raise MistakeError(
            f"{host} can be reached by other machines; add --allow-remote if that is meant, and put TLS in front"
        )
    with progress("opening") as step:
        deployment = open_deployment(folder, on_progress=lambda what, done, total: step(done, total, what))
    try:
        listening = listen(host, port)
    except OSError:
        deployment.close(snapshot=False)
        raise
    keys = Keys(folder)
    if not keys.all():
        print("there is no API key yet; make one with: opportune keys create --scope intake:web", flush=True)
    try:
        limits = Limits(requests_in_flight_max=in_flight_max)
        serve_http(
            deployment, keys, listening, limits, lambda url: print(f"listening on {url}", flush=True), sources=sources
        )
    except ServiceFailedError as error:
        raise MistakeError(str(error)) from error
    finally:
        keys.close()
    print("stopped; all that was acknowledged is on disk", flush=True)
