"""The command line: `opportune`. Heavy modules are imported inside the commands, so that --help answers at once."""

import typer

from opportune.entrypoints.backup_commands import backup, restore
from opportune.entrypoints.campaign_commands import end, pause, resume, show_calendar
from opportune.entrypoints.catalogue_commands import event, events, tag, tags
from opportune.entrypoints.definition_commands import check, init, schema
from opportune.entrypoints.demo_commands import bench, demo
from opportune.entrypoints.draft_commands import drafts
from opportune.entrypoints.duplicate_commands import duplicates
from opportune.entrypoints.failures import Commands
from opportune.entrypoints.import_commands import import_messages, quarantine
from opportune.entrypoints.key_commands import keys
from opportune.entrypoints.merging_commands import merge, unmerge
from opportune.entrypoints.one_off_commands import send, send_test
from opportune.entrypoints.people_commands import audit, export_person, forget, rotate_key
from opportune.entrypoints.playbook_commands import apply, promote, pull, rollback
from opportune.entrypoints.question_commands import (
    customer,
    decisions,
    explain,
    export_decisions,
    replay,
    report,
)
from opportune.entrypoints.segment_commands import segment
from opportune.entrypoints.sending_commands import coupons, go_on, outbox, stop_sending, work
from opportune.entrypoints.serve_commands import serve
from opportune.entrypoints.simulation_commands import simulate, simulations
from opportune.entrypoints.source_commands import sources
from opportune.entrypoints.warehouse_commands import export, query, retention

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Real-time precision marketing: events in, governed decisions out, measured honestly.",
)
app.command(short_help="Make a data folder.")(init)
app.command(short_help="Check a folder of definitions.")(check)
app.command(short_help="Put a folder of definitions in force.")(apply)
app.command(short_help="Go back to an earlier playbook.")(rollback)
app.command(short_help="Take definitions to another deployment.")(promote)
app.command(short_help="Write the definitions in force as YAML.")(pull)
app.command(short_help="Pause a campaign at once.")(pause)
app.command(short_help="Let a paused campaign go on.")(resume)
app.command(short_help="End a campaign at once.")(end)
app.command("calendar", short_help="Campaigns by their days, and their conflicts.")(show_calendar)
app.add_typer(drafts, name="drafts", short_help="Drafts: submit, approve, launch, and their trail.")
app.command(short_help="The JSON Schemas of the definitions.")(schema)
app.command(short_help="Forget a person, everywhere.")(forget)
app.command("export-person", short_help="All that is known of one person, for her.")(export_person)
app.command(short_help="Who looked at personal data.")(audit)
app.command("rotate-key", short_help="Change the key that seals what is personal.")(rotate_key)
app.command("import", short_help="Import files of messages.")(import_messages)
app.command(short_help="What could not become a fact, and why.")(quarantine)
app.command(short_help="The newest decisions.")(decisions)
app.command("export-decisions", short_help="Every candidate's fate, as an EEv2 extract.")(export_decisions)
app.command(short_help="All that is known of one customer.")(customer)
app.command(short_help="Why, or why not: every campaign's fate at one event.")(explain)
app.command(short_help="Decisions, contacts, goals, withheld by reason.")(report)
app.command(short_help="Verify the journal by deciding all again.")(replay)
app.command(short_help="What would a draft have done? Try it on the past.")(simulate)
app.command(short_help="Simulations and their reports.")(simulations)
app.command(short_help="The journal as Parquet files.")(export)
app.command(short_help="Ask the exported journal in SQL.")(query)
app.command(short_help="Let old history go, or say what would.")(retention)
app.command(short_help="Copy the data folder, in use or not.")(backup)
app.command(short_help="Copy a backup into a new data folder.")(restore)
app.command(short_help="Serve a data folder over HTTP.")(serve)
app.command(short_help="Two customers are one person.")(merge)
app.command(short_help="One customer is two people after all.")(unmerge)
app.command(short_help="Send a campaign once, to a list or a segment.")(send)
app.command("test-send", short_help="Send an offer's content to yourself.")(send_test)
app.command("stop-sending", short_help="Let nothing leave any more.")(stop_sending)
app.command("go-on", short_help="Let messages leave again.")(go_on)
app.add_typer(sources, name="sources", short_help="Sources: run, preview, quality, inventory.")
app.command(short_help="The tag catalogue: tree and search.")(tags)
app.command(short_help="All about a tag: origin, use, values, coverage.")(tag)
app.command(short_help="The event catalogue: search, counts, last seen.")(events)
app.command(short_help="All about an event: properties, use, changes, counts.")(event)
app.add_typer(duplicates, name="duplicates", short_help="Customers who are there twice: search, look, decide.")
app.add_typer(segment, name="segment", short_help="Saved segments: sizes, overlaps, snapshots, export.")
app.add_typer(outbox, name="outbox", short_help="Messages on their way: counts, lists, sending again.")
app.add_typer(coupons, name="coupons", short_help="Coupon codes: import, list.")
app.add_typer(work, name="work", short_help="Work items: messages that people deliver.")
app.add_typer(keys, name="keys", short_help="API keys: create, list, revoke.")
app.add_typer(demo, name="demo", short_help="Demonstrations: events in, decisions out.")
app.command(short_help="Run the benchmarks of a checkout.")(bench)


def main() -> None:
    """The console script."""
    app(prog_name="opportune")
