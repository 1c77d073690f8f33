"""Commands that ask and change nothing: decisions, customer, explain, report, replay. All work beside a writer."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.failures import EXIT_MISTAKE, complain
from opportune.entrypoints.options import (
    DEFAULT_FOLDER,
    AsJson,
    Folder,
    Lang,
    Language,
    Limit,
    Reveal,
    Since,
    Until,
    Why,
)
from opportune.entrypoints.people_commands import me
from opportune.entrypoints.report_tables import show_report
from opportune.entrypoints.tables import progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import CustomerView, DecisionLine, Explanation

Who = Annotated[str, typer.Argument(help="An identifier (c1, or with its kind phone:13800000000), or a number (#7).")]


def decisions(
    folder: Folder = DEFAULT_FOLDER,
    customer: Annotated[str | None, typer.Option("--customer", help="Of one customer: an identifier or #7.")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Of one campaign.")] = None,
    arm: Annotated[str | None, typer.Option("--arm", help="treated, control or universal.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    reveal: Reveal = False,
    why: Why = "",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """The newest decisions, the newest last, with names instead of numbers."""
    from opportune.operations import DecisionFilter, find_customer, list_decisions, note_access

    wanted = DecisionFilter(
        None if customer is None else find_customer(folder, customer), campaign, arm, *_moments(folder, since, until)
    )
    found = list_decisions(folder, wanted, limit=limit, reveal=reveal, language=lang.value)
    if reveal:
        note_access(folder, me(), "decisions", sorted({one.customer for one in found}), why)
    if as_json:
        show_json(found)
    else:
        _show_decisions("decisions made", found, lang)


def export_decisions(
    out: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    folder: Folder = DEFAULT_FOLDER,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """The fate of every candidate as a file in the columns of the EEv2 extract, for the tools that read it; by deciding all again.

    One row for every campaign that an event triggered: what was proposed, and at which stage the others fell out.
    """
    from opportune.operations import export_decisions as write_decisions

    since_ms, until_ms = _moments(folder, since, until)
    with progress("deciding again", in_bytes=True) as step:
        done = write_decisions(
            folder, out, since_ms=since_ms, until_ms=until_ms, on_progress=lambda what, at, total: step(at, total, what)
        )
    if as_json:
        show_json(done)
    else:
        print(
            f"{out}: {done.rows:,} candidates of {done.interactions:,} events, {done.decided:,} of them with a proposal"
        )


def customer(
    who: Who,
    folder: Folder = DEFAULT_FOLDER,
    last: Annotated[
        int, typer.Option("--last", min=0, max=1_000, help="So many last decisions, events, entries.")
    ] = 10,
    before: Annotated[int | None, typer.Option("--before", min=0, help="The timeline before this fact.")] = None,
    reveal: Reveal = False,
    why: Why = "",
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """One customer: tags, consents, contacts against every cap, open decisions and goals, and one timeline over all sources."""
    from opportune.operations import find_customer, note_access, view_customer

    view = view_customer(
        folder, find_customer(folder, who), reveal=reveal, last=last, before=before, language=lang.value
    )
    if reveal:
        note_access(folder, me(), "customer", [view.customer], why)
    if as_json:
        show_json(view)
    else:
        _show_customer(view, lang)


def explain(
    who: Who,
    folder: Folder = DEFAULT_FOLDER,
    event: Annotated[int | None, typer.Option("--event", min=0, help="The event's fact number.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="The customer's last event up to this moment.")] = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Why, or why not: the fate of every campaign at one event of one customer, derived by deciding again.

    Without --event or --at: her last event that campaigns wait for. Exit code 1 where deciding again differs from the journal.
    """
    from opportune.operations import explain as explain_one
    from opportune.operations import find_customer, moment_in

    if event is not None and at is not None:
        raise typer.BadParameter("give --event or --at, not both")
    at_ms = None if at is None else moment_in(folder, at)
    found = explain_one(folder, find_customer(folder, who), event, at_ms=at_ms, language=lang.value)
    if as_json:
        show_json(found)
    else:
        _show_explanation(found, lang)
    if not (found.agrees and found.history_agrees):
        place = found.seq if found.differs_at is None else found.differs_at
        complain(
            f"error: deciding again differs from the journal at fact {place:,}; run `opportune replay` and report it"
        )
        raise typer.Exit(EXIT_MISTAKE)


def report(
    folder: Folder = DEFAULT_FOLDER,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """How it is going: decisions, contacts per customer, goals against the control group, withheld by reason, accounting."""
    from opportune.operations import report as read_report

    since_ms, until_ms = _moments(folder, since, until)
    found = read_report(folder, since_ms=since_ms, until_ms=until_ms, language=lang.value)
    if as_json:
        show_json(found)
    else:
        show_report(found, lang)


def replay(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Run all facts through a fresh engine and compare with the journal, byte for byte; exit code 1 where they differ."""
    from opportune.operations import replay as replay_all

    with progress("replaying", in_bytes=True) as step:
        found = replay_all(folder, on_progress=lambda what, done, total: step(done, total, what))
    if as_json:
        show_json(found)
    else:
        rate = found.facts / found.seconds if found.seconds else 0
        said = "equal, byte for byte" if found.equal else f"DIFFERENT from fact {found.differs_at:,} on"
        if found.from_seq:
            said += f"; from fact {found.from_seq:,} on, retention has dropped some before"
        print(
            f"{found.facts:,} facts in {found.groups:,} groups, {found.decisions:,} decisions, {found.goals:,} goals, "
            f"{found.seconds:.2f} s ({rate:,.0f} facts/s): {said}"
        )
    if not found.equal:
        complain(
            f"error: replay differs from the journal; the first differing group begins at fact {found.differs_at:,}"
        )
        raise typer.Exit(EXIT_MISTAKE)


def _moments(folder: Path, since: str | None, until: str | None) -> tuple[int | None, int | None]:
    from opportune.operations import moment_in

    return (
        None if since is None else moment_in(folder, since),
        None if until is None else moment_in(folder, until),
    )


def _show_decisions(title: str, found: "list[DecisionLine] | tuple[DecisionLine, ...]", lang: Lang) -> None:
    columns = ("seq", "at", "customer", "campaign", "offer", "touchpoint", "arm", "cost")
    rows = [
        [
            d.seq,
            d.at,
            f"#{d.customer} {d.identifier}".strip(),
            d.campaign,
            d.offer,
            d.touchpoint,
            word(d.arm, lang),
            d.cost,
        ]
        for d in found
    ]
    show_table(title, columns, rows, lang)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {'–' if value is None else value}" for name, value in values.items())


def _show_explanation(found: "Explanation", lang: Lang) -> None:
    print(
        f"#{found.customer}, {word('seq', lang)} {found.seq:,}, {found.at}: {found.title} ({_pairs(found.properties)})"
    )
    rows = []
    for one in found.candidates:
        seen = "; ".join(f"{c.condition} ({_pairs(c.values)})" if c.values else c.condition for c in one.unmet)
        rows.append(
            [
                one.rank or "",
                one.title,
                one.reason,
                one.text,
                seen or one.figure,
                one.priority,
                one.offer,
                one.touchpoint,
            ]
        )
    columns = ("rank", "campaign", "code", "text", "figure", "priority", "offer", "touchpoint")
    show_table("candidates", columns, rows, lang)
    _show_flips(found, lang)
    if found.silence:
        print(found.silence)
    _show_decisions("decisions made", found.decisions, lang)
    print(word("same" if found.agrees and found.history_agrees else "not hers", lang))


def _show_flips(found: "Explanation", lang: Lang) -> None:
    """What would turn each fate round: steps that belong together, then other ways to open the first gate."""
    mark = {True: "", False: " *"}
    rows = [
        [one.title, " + ".join(flip.text + mark[flip.smallest] for flip in one.flips), one.flips[-1].then, "; ".join(flip.text for flip in one.instead)]
        for one in found.candidates
        if one.flips
    ]  # fmt: skip
    show_table("what would change it", ("campaign", "smallest change", "then", "or first"), rows, lang)
    if any(not flip.smallest for one in found.candidates for flip in one.flips):
        print("* " + word("another value may be nearer", lang))
    if found.unsearched:
        print(f"{word('not searched', lang)}: {found.unsearched}")


def _show_customer(view: "CustomerView", lang: Lang) -> None:
    print(f"#{view.customer}  {'  '.join(view.identifiers)}")
    print(f"{view.since} – {view.now}, {view.facts:,} {word('facts', lang)}")
    for key, until in (("refused until", view.refused_until), ("complained until", view.complained_until)):
        if until:
            print(f"{word(key, lang)} {until}")
    if view.do_not_disturb:
        print(word("do not disturb", lang))
    if view.personal:
        print(f"{word('personal', lang)}: {_pairs(view.personal)}")
    tags = [
        [t.title, t.tag, t.value, t.unit, word(t.origin, lang), t.set_at]
        for t in sorted(view.tags, key=lambda tag: tag.category)
        if t.value is not None
    ]
    show_table("tags", ("title", "tag", "value", "", "origin", "set at"), tags, lang)
    said = [[c.purpose, c.channel, word("given" if c.given else "withdrawn", lang)] for c in view.consents]
    show_table("consents", ("purpose", "channel", "state"), said, lang)
    caps = [[c.per, c.of, c.window, f"{c.used} / {c.most}", c.until] for c in view.caps]
    show_table("caps", ("per", "of", "window", "used", "until"), caps, lang)
    goals = [[g.campaign, word(g.arm, lang), g.opened, g.deadline, word(g.state, lang)] for g in view.goals]
    show_table("goals open", ("campaign", "arm", "opened", "deadline", "state"), goals, lang)
    opened = [[o.decision, o.campaign, o.offer, word(o.state, lang), o.touchpoint, o.until] for o in view.open]
    show_table("decisions open", ("number", "campaign", "offer", "state", "touchpoint", "deadline"), opened, lang)
    _show_decisions("last decisions", view.decisions, lang)
    contacts = [[c.at, word(c.kind, lang), c.title, _pairs(c.details)] for c in view.contacts]
    show_table("last contacts", ("at", "kind", "title", "detail"), contacts, lang)
    events = [[e.seq, e.at, e.title, _pairs(e.properties)] for e in view.events]
    show_table("last events", ("seq", "at", "event", "properties"), events, lang)
    entries = [[e.seq, e.at, word(e.kind, lang), e.title, _pairs(e.details)] for e in view.timeline]
    show_table("timeline", ("seq", "at", "kind", "title", "detail"), entries, lang)
    if view.next is not None:
        print(f"{word('earlier', lang)}: --before {view.next}")
