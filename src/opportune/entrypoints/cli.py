"""The command line: `opportune`. Heavy modules are imported inside the commands, so that --help answers at once."""

import typer

from opportune.entrypoints.definition_commands import apply, check, init, schema
from opportune.entrypoints.demo_commands import bench, demo
from opportune.entrypoints.failures import Commands
from opportune.entrypoints.import_commands import import_messages, quarantine
from opportune.entrypoints.question_commands import customer, decisions, explain, replay, report

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Real-time precision marketing: events in, governed decisions out, measured honestly.",
)
app.command()(init)
app.command()(check)
app.command()(apply)
app.command()(schema)
app.command("import")(import_messages)
app.command()(quarantine)
app.command()(decisions)
app.command()(customer)
app.command()(explain)
app.command()(report)
app.command()(replay)
app.add_typer(demo, name="demo")
app.command()(bench)


def main() -> None:
    """The console script."""
    app(prog_name="opportune")
