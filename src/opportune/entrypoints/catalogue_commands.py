"""Commands about the catalogues: which tags and events there are, what they come from, who uses them, what is known of their values."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language
from opportune.entrypoints.tables import percent, progress, show_json, show_table
from opportune.entrypoints.words import word

if TYPE_CHECKING:
    from opportune.operations import CategoryNode, EventSeen, TagDistribution

Search = Annotated[
    str, typer.Option("--search", "-s", help="Words in names, titles (English or Chinese), category or note.")
]
Category = Annotated[str, typer.Option("--category", help="A category, with all below it: data, data/volume.")]
Owner = Annotated[str, typer.Option("--owner", help="Of this owner.")]
Tree = Annotated[bool, typer.Option("--tree", help="Only the categories, with how many are in each.")]
Sensitivity = Annotated[str, typer.Option("--sensitivity", help="public, internal or personal.")]
Unknown = Annotated[
    bool, typer.Option("--unknown", help="What sources sent and nobody has declared, with a guess of its types.")
]
Write = Annotated[
    Path | None, typer.Option("--write", help="Write definitions of the unknown events into this new file.")
]
Origin = Annotated[str, typer.Option("--origin", help="Tags: declared, rule, counter, score. Events: sent, detector.")]


def tags(
    folder: Folder = DEFAULT_FOLDER,
    search: Search = "",
    category: Category = "",
    owner: Owner = "",
    sensitivity: Sensitivity = "",
    origin: Origin = "",
    tree: Tree = False,
    values: Annotated[
        bool, typer.Option("--values", help="For how many customers each is known, as far as the warehouse reaches.")
    ] = False,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """The tag catalogue: the tags that fit, by category; the tree of their categories; or for how many customers each is known.

    With `--values`: for how many it is known, for how many it tells something (not 0, not no, not an empty set), and how many values differ.
    """
    from opportune.operations import TagFilter, category_tree, coverage, list_tags, read_lineage

    lineage = read_lineage(folder)
    found = list_tags(lineage, TagFilter(search, category, owner, sensitivity, origin))
    if tree:
        _show_tree(category_tree(lineage, (one.category for one in found)), as_json, lang)
        return
    if values:
        with progress("tags") as step:
            covered = coverage(folder, [one.tag for one in found], on_tag=step)
        if as_json:
            show_json(covered)
            return
        told = [
            [t.category, t.tag, _title(t, lang) or t.tag, c.known, _share(c.known, c.customers), c.told, _share(c.told, c.customers), c.different]
            for t, c in zip(found, covered, strict=True)
        ]  # fmt: skip
        show_table("tags", ("category", "tag", "title", "known", "share", "told", "share", "different"), told, lang)
        return
    if as_json:
        show_json(found)
        return
    columns = ("category", "tag", "title", "type", "unit", "origin", "owner", "freshness", "sensitivity", "uses", "hot")
    rows = [
        [t.category, t.tag, _title(t, lang) or t.tag, t.type, t.unit, word(t.origin, lang), t.owner, t.freshness,
         word(t.sensitivity, lang), t.used_by, t.hot]
        for t in found
    ]  # fmt: skip
    show_table("tags", columns, rows, lang)


def tag(
    name: Annotated[str, typer.Argument(help="The tag's name.")],
    folder: Folder = DEFAULT_FOLDER,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="Its values then: 2026-12-01 or 2026-12-01T08:00, local time.")
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", help="Its value for this one: #7, phone:138…, or a plain identifier.")
    ] = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """All about a tag: definition, what it comes from, who uses it, which playbook changed it; for how many customers it is known, and its values.

    Values are as far as the warehouse reaches, or as of a moment; without a warehouse they are left out. With `--customer` only its value for
    one customer is told.
    """
    from opportune.operations import (
        distribution_as_of,
        find_customer,
        moment_in,
        read_lineage,
        tag_page,
        tags_of_customer,
    )
    from opportune.store import DefinitionStore
    from opportune.warehouse import read_manifest

    moment = None if as_of is None else moment_in(folder, as_of)
    if customer is not None:
        [hers] = tags_of_customer(folder, [name], find_customer(folder, customer), moment, lang.value)
        if as_json:
            show_json(hers)
        else:
            row = [hers.tag, hers.title, hers.value, hers.unit, hers.at]
            show_table("value", ("tag", "title", "value", "unit", "at"), [row], lang)
        return
    with closing(DefinitionStore(folder)) as store:
        page = tag_page(read_lineage(folder), store, name)
    asked = moment is not None or bool(read_manifest(folder).parts)
    values = distribution_as_of(folder, name, moment, lang.value) if asked else None
    if as_json:
        show_json({"page": page, "values": values})
        return
    _show_title(page, name, lang)
    _show_definition(page.entry, page.definition, lang)
    _show_related(page, lang)
    if values is None:
        print(word("no warehouse", lang))
    else:
        _show_values(values, lang)


def events(
    folder: Folder = DEFAULT_FOLDER,
    search: Search = "",
    category: Category = "",
    owner: Owner = "",
    origin: Origin = "",
    tree: Tree = False,
    unknown: Unknown = False,
    write: Write = None,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """The event catalogue: the events that fit, by category, with how often they happened and when last; the journal is read for that.

    With --unknown: events and properties that sources sent and nobody has declared; --write makes definitions of them, to be looked at and applied.
    """
    from opportune.operations import EventFilter, category_tree, list_events, read_lineage

    if unknown or write is not None:
        _show_unknown(folder, search, write, as_json, lang)
        return
    lineage = read_lineage(folder)
    found = list_events(lineage, EventFilter(search, category, owner, origin))
    if tree:
        _show_tree(category_tree(lineage, (one.category for one in found)), as_json, lang)
        return
    seen = _seen(folder)
    mine = {one.event: [s for s in seen if s.event == one.event] for one in found}
    if as_json:
        show_json([{"event": one, "seen": mine[one.event]} for one in found])
        return
    columns = ("category", "event", "title", "origin", "properties", "owner", "uses", "events", "last seen", "source")
    rows = [
        [e.category, e.event, _title(e, lang) or e.event, word(e.origin, lang), e.properties, e.owner, e.used_by,
         sum(s.count for s in mine[e.event]), max((s.last for s in mine[e.event]), default=None),
         [s.source for s in mine[e.event]]]
        for e in found
    ]  # fmt: skip
    show_table("event catalogue", columns, rows, lang)


def _show_unknown(folder: Path, search: str, write: Path | None, as_json: bool, lang: Lang) -> None:
    from opportune.operations import Sightings, write_definitions

    sightings = Sightings(folder)
    with progress("counting", in_bytes=True) as step:
        sightings.advance(on_progress=lambda done, total: step(done, total, "counting"))
    found = [one for one in sightings.seen() if search.lower() in one.event.lower()]
    if write is not None:
        write_definitions(found, write)
    if as_json:
        show_json(found)
        return
    columns = ("event", "declared", "source", "events", "last seen", "property", "times", "looks like")
    rows: list[list[Any]] = []
    for one in found:
        head = [one.event, one.declared, one.source, one.count, one.last]
        rows += [[*head, p.property, p.count, p.type or "?"] for p in one.properties] or [[*head, "", None, ""]]
    show_table("unknown events", columns, rows, lang)
    if write is not None and found:
        print(f"{write}: {word('look at it, then apply it', lang)}")


def event(
    name: Annotated[str, typer.Argument(help="The event's name.")],
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """All about an event: typed properties, what it comes from, who uses it, which playbook changed it; counts and last seen by source."""
    from opportune.operations import event_page, read_lineage
    from opportune.store import DefinitionStore

    with closing(DefinitionStore(folder)) as store:
        page = event_page(read_lineage(folder), store, name)
    seen = [one for one in _seen(folder) if one.event == name]
    if as_json:
        show_json({"page": page, "seen": seen})
        return
    _show_title(page, name, lang)
    rows = [
        [p.property, _title(p, lang), p.type, p.unit, f"{p.low} – {p.high}" if p.low else "", list(p.members), p.personal]
        for p in page.properties
    ]  # fmt: skip
    show_table("properties", ("property", "title", "type", "unit", "range", "members", "personal"), rows, lang)
    _show_related(page, lang)
    counted = [[s.source, s.count, s.last, s.received] for s in seen]
    show_table("seen", ("source", "events", "last seen", "taken in"), counted, lang)


def _title(one: Any, lang: Lang) -> str:
    title: str = one.title_zh if lang is Lang.ZH else one.title_en
    return title


def _show_title(page: Any, name: str, lang: Lang) -> None:
    print(f"{_title(page.entry, lang) or name} ({name}): {page.definition.get('note', '')}".rstrip(": "))


def _seen(folder: Path) -> "list[EventSeen]":
    from opportune.operations import EventCounts

    counts = EventCounts(folder)
    with progress("counting", in_bytes=True) as step:
        counts.advance(on_progress=lambda done, total: step(done, total, "counting"))
    return counts.seen()


def _show_tree(tree: "list[CategoryNode]", as_json: bool, lang: Lang) -> None:
    if as_json:
        show_json(tree)
        return
    rows = [
        ["  " * one.category.count("/") + (one.category.rpartition("/")[2] or "–"), _title(one, lang), one.in_it, one.with_below]
        for one in tree
    ]  # fmt: skip
    show_table("categories", ("category", "title", "in it", "with below"), rows, lang)


def _show_definition(entry: Any, definition: dict[str, Any], lang: Lang) -> None:
    told = {
        "category": entry.category, "type": entry.type, "unit": entry.unit, "origin": word(entry.origin, lang),
        "owner": entry.owner, "source": entry.source, "freshness": entry.freshness,
        "sensitivity": word(entry.sensitivity, lang), "hot": entry.hot,
    }  # fmt: skip
    rows = [[word(key, lang), value] for key, value in told.items() if value not in ("", None)]
    rows += [
        [key, _plain(definition[key])] for key in ("range", "members", "rule", "counter", "score") if key in definition
    ]
    show_table("definition", ("", ""), rows, lang)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _show_related(page: Any, lang: Lang) -> None:
    sides: tuple[tuple[str, tuple[Any, ...]], ...] = (
        ("comes from", page.comes_from),
        ("used by", page.used_by),
    )
    for title, related in sides:
        rows = [[word(r.family, lang), r.name, _title(r, lang), r.path, " ← ".join(r.through)] for r in related]
        show_table(title, ("kind", "name", "title", "key of it", "through"), rows, lang)
    rows = [
        [c.playbook, word(c.kind, lang), c.author, f.path, f.before, f.after]
        for c in page.changes
        for f in (c.fields or (_NoField(),))
    ]
    show_table("changes", ("playbook", "change", "author", "field", "before", "after"), rows, lang)


def _share(some: int | None, of: int) -> str | None:
    return percent(some / of) if some is not None and of else None


class _NoField:
    """Stands for the fields of a definition that was added or removed whole."""

    path, before, after = "", "", ""


def _show_values(found: "TagDistribution", lang: Lang) -> None:
    share = percent(found.known / found.customers if found.customers else None)
    print(f"{found.known:,} / {found.customers:,} {word('customers', lang)}, {share or '–'}")
    if found.quantiles:
        told = {"min": found.smallest, **found.quantiles, "max": found.largest}
        show_table("", tuple(told), [list(told.values())], lang)
    rows = [[v.value, v.customers, percent(v.customers / found.known)] for v in found.values]
    show_table("values", ("value", "customers", "share"), rows, lang)
