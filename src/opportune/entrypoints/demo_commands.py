"""Commands that show the product at work: the demonstrations, and the benchmarks of a checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from opportune.entrypoints.failures import MistakeError
from opportune.entrypoints.options import AsJson, Lang, Language
from opportune.entrypoints.tables import progress, show_json, show_table
from opportune.entrypoints.words import word

demo = typer.Typer(no_args_is_help=True, help="Demonstrations: real or made-up events in, decisions out.")


@demo.command()
def starbucks(
    data: Annotated[Path, typer.Option("--data", help="The folder of the public data set.")],
    folder: Annotated[Path, typer.Option("--folder", "-f", help="Where the two data folders are made.")] = Path(
        "opportune-starbucks"
    ),
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """The public Starbucks offers data: our goals compared with the completions it knows of, person by person."""
    import msgspec

    from opportune.entrypoints.report_tables import show_report
    from opportune.operations import report as read_report
    from opportune.operations import run_starbucks

    with progress("importing", in_bytes=True) as step:
        found = run_starbucks(
            data, folder, on_import=lambda done, total, messages: step(done, total, f"{messages:,} messages")
        )
    own = read_report(Path(found.own_folder), language=lang.value)
    if as_json:
        show_json(msgspec.to_builtins(found) | {"own": own})
        return
    _show(found)
    print("\nour own campaigns on the same events:")
    show_report(own, lang)
    print(f"ask on: opportune report --folder {found.own_folder}")


@demo.command("online-retail")
def online_retail(
    data: Annotated[Path, typer.Option("--data", help="The folder of the public data set.")],
    folder: Annotated[Path, typer.Option("--folder", "-f", help="The data folder to make.")] = Path("opportune-online-retail"),
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:  # fmt: skip
    """The public Online Retail file, from raw rows to customers and events by one source definition; every row is accounted for."""
    import msgspec

    from opportune.operations import run_online_retail

    with progress("rows") as step:
        found = run_online_retail(data, folder, lambda what, done, total: step(done, total, f"{what}, {done:,}"))
    if as_json:
        show_json(msgspec.to_builtins(found) | {"balanced": found.load.balanced})
        return
    _show(found.raw)
    rows = [[step, count] for step, count in found.load.left_out.items()]
    rows += [[event, count] for event, count in found.load.actions.items() if event != "tags"]
    show_table("what became of the rows", ("outcome", "rows"), [*rows, [word("in all", lang), found.load.rows]], lang)
    told = (("item_purchased", found.purchases), ("item_cancelled", found.cancellations))
    columns = ("event", "events", "customers", "invoices", "total")
    show_table(
        "events in the journal",
        columns,
        [[name, one.lines, one.customers, one.invoices, one.total] for name, one in told],
        lang,
    )
    print(f"ask on: opportune sources list|quality|inventory --folder {found.folder}")


@demo.command()
def telecom(
    customers: Annotated[int, typer.Option("--customers", min=1, help="How many customers.")] = 100_000,
    days: Annotated[int, typer.Option("--days", min=1, help="How many days.")] = 30,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another world.")] = 7,
    folder: Annotated[Path, typer.Option("--folder", "-f", help="The data folder to make.")] = Path(
        "opportune-telecom"
    ),
    direct: Annotated[
        bool, typer.Option("--direct", help="Without the service: the world hands its messages to the engine itself.")
    ] = False,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """A made-up mobile operator, hour by hour: its customers react to what is decided for them.

    The service is started on a free port of this machine; the world sends it batches over HTTP and reads the decisions back.
    """
    import msgspec

    from opportune.entrypoints.demo_over_http import over_http
    from opportune.entrypoints.report_tables import show_report
    from opportune.operations import report as read_report
    from opportune.operations import run_telecom

    with progress("hours") as step:
        found = run_telecom(
            folder, customers=customers, days=days, seed=seed,
            on_hour=lambda done, total, messages: step(done, total, f"{messages:,} messages"),
            reach=None if direct else over_http,
        )  # fmt: skip
    told = read_report(folder, language=lang.value)
    if as_json:
        show_json(msgspec.to_builtins(found) | {"events_per_second": found.events_per_second, "report": told})
        return
    _show(found)
    if found.requests:
        print(
            f"over HTTP: {found.requests:,} requests, {found.events_per_second:,.0f} events/s taken in, decided and durable, "
            f"p99 of a request {found.request_p99_ms:,.1f} ms\n"
        )
    else:
        print(f"events per second, taken in, decided and durable: {found.events_per_second:,.0f}\n")
    show_report(told, lang)
    print(f"ask on: opportune report|decisions|customer|explain|replay --folder {folder}")


def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks by name; all where none is named.")] = None,
) -> None:
    """Run the benchmarks of a checkout, each a table and JSON lines."""
    folder = Path(__file__).parents[3] / "benchmarks"
    scripts = [path.stem for path in sorted(folder.glob("[a-z]*.py")) if "__main__" in path.read_text("utf-8")]
    if not scripts:
        raise MistakeError(
            "the benchmarks are in the folder `benchmarks` of the repository; run this command from a checkout"
        )
    unknown = [name for name in names or () if name not in scripts]
    if unknown:
        raise MistakeError(f"no benchmark `{unknown[0]}`; there are: {', '.join(scripts)}")
    for name in names or scripts:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False, cwd=folder.parent)
        if done.returncode:
            raise MistakeError(f"the benchmark `{name}` failed with exit code {done.returncode}")


def _show(found: Any) -> None:
    import msgspec

    for name, value in msgspec.to_builtins(found).items():
        shown = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
        print(f"{name.replace('_', ' ')}: {shown}")
