"""Ask: which tags are there, what is each, what does it come from and who uses it? Out of the definitions saved last, beside a writer."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from opportune.facts import Kind, Title, ValueType
from opportune.operations.definition_history import DefinitionChange, history_of
from opportune.operations.deployment import DeploymentError
from opportune.operations.lineage import Lineage, Node, Related
from opportune.profiles import TagDefinition
from opportune.store import DefinitionStore, did_you_mean, written

SEPARATOR = "/"
"""Between the parts of a category's path: `data/volume`."""


class TagEntry(msgspec.Struct, frozen=True):
    """A tag as the catalogue lists it.

    `origin` is declared, rule, counter or score. `type` is with its decimals (`decimal(3)`). `used_by`: how many definitions use it
    directly. `hot`: the engine keeps it at hand, because something that decides reads it, itself or through other tags.
    """

    tag: str
    title_en: str
    title_zh: str
    category: str
    origin: str
    type: str
    unit: str
    owner: str
    source: str
    freshness: str
    sensitivity: str
    used_by: int
    hot: bool


class CategoryNode(msgspec.Struct, frozen=True):
    """A category by its whole path: how many are in it, and how many with the categories below it. Titles are the deployment's; empty where
    it gives none."""

    category: str
    in_it: int
    with_below: int
    title_en: str = ""
    title_zh: str = ""


class TagFilter(msgspec.Struct, frozen=True):
    """Which tags are asked for; what is empty does not narrow.

    `search`: every word of it in the name, a title (English or Chinese), the category or the note. `category`: with all below it.
    """

    search: str = ""
    category: str = ""
    owner: str = ""
    sensitivity: str = ""
    origin: str = ""


class TagPage(msgspec.Struct, frozen=True):
    """All that the definitions say of a tag: `definition` as it is written; the nearest origins and uses first; the newest change first."""

    entry: TagEntry
    definition: dict[str, Any]
    comes_from: tuple[Related, ...]
    used_by: tuple[Related, ...]
    changes: tuple[DefinitionChange, ...]


def list_tags(lineage: Lineage, wanted: TagFilter | None = None) -> list[TagEntry]:
    """The tags that fit, by category and name."""
    by = wanted or TagFilter()
    found = [tag_entry(lineage, name) for name, tag in lineage.definitions.tags.items() if _fits(tag, by)]
    return sorted(found, key=lambda one: (one.category.split(SEPARATOR), one.tag))


def tag_page(lineage: Lineage, store: DefinitionStore, tag: str) -> TagPage:
    """All about one tag. Raises DeploymentError for an unknown one."""
    entry, node = tag_entry(lineage, tag), Node("tag", tag)
    return TagPage(
        entry, written(lineage.definitions.tags[tag]), tuple(lineage.comes_from(node)), tuple(lineage.used_by(node)),
        tuple(history_of(store, "tag", tag)),
    )  # fmt: skip


def tag_entry(lineage: Lineage, name: str) -> TagEntry:
    """A tag's line in the catalogue. Raises DeploymentError for an unknown one."""
    tag = lineage.definitions.tags.get(name)
    if tag is None:
        hint = did_you_mean(name, lineage.definitions.tags, "tag")
        raise DeploymentError(f"no tag `{name}`; {hint or 'look for it: opportune tags --search WORD'}")
    return TagEntry(
        name, tag.title.en, tag.title.zh, tag.category, origin_of(tag), type_text(lineage.vocabulary.tags[name]), tag.unit,
        tag.owner, tag.source, tag.freshness, tag.sensitivity, lineage.uses_of(Node("tag", name)), lineage.is_hot(name),
    )  # fmt: skip


def _fits(tag: TagDefinition, wanted: TagFilter) -> bool:
    return (
        in_category(tag.category, wanted.category)
        and wanted.owner in ("", tag.owner)
        and wanted.sensitivity in ("", tag.sensitivity)
        and wanted.origin in ("", origin_of(tag))
        and has_words(wanted.search, (tag.tag, tag.title.en, tag.title.zh, tag.category, tag.note))
    )


def category_tree(lineage: Lineage, categories: Iterable[str]) -> list[CategoryNode]:
    """The tree above so many tags or events (a category for each), a category before those below it."""
    deployment = lineage.definitions.deployment
    titles = deployment.categories if deployment is not None else {}
    own: dict[str, int] = {}
    whole: dict[str, int] = {}
    for category in categories:
        own[category] = own.get(category, 0) + 1
        parts = category.split(SEPARATOR)
        for depth in range(1, len(parts) + 1):
            path = SEPARATOR.join(parts[:depth])
            whole[path] = whole.get(path, 0) + 1
    ordered = sorted(whole, key=lambda path: path.split(SEPARATOR))
    told = {path: titles.get(path, Title()) for path in ordered}
    return [CategoryNode(path, own.get(path, 0), whole[path], told[path].en, told[path].zh) for path in ordered]


def in_category(category: str, wanted: str) -> bool:
    """Whether a category is the wanted one or below it; every one is, where none is wanted."""
    return wanted in ("", category) or category.startswith(wanted + SEPARATOR)


def has_words(search: str, texts: Sequence[str]) -> bool:
    """Whether each word of a search stands in one of the texts; capitals do not matter."""
    folded = "\n".join(texts).casefold()
    return all(word in folded for word in search.casefold().split())


def origin_of(tag: TagDefinition) -> str:
    """How a tag gets its values: declared, rule, counter or score."""
    if tag.rule is not None:
        return "rule"
    if tag.counter is not None:
        return "counter"
    return "score" if tag.score is not None else "declared"


def type_text(kind: ValueType) -> str:
    """A type as the catalogue tells it: `int`, `decimal(3)`."""
    return f"{kind.kind.value}({kind.scale})" if kind.kind is Kind.DECIMAL else kind.kind.value
