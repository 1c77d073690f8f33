"""The published schemas say what the loader says: what one takes the other takes, and the same for what they refuse."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from opportune.store import FAMILIES, load_files, schema_of, schema_of_any, write_schemas

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples" / "minimal").glob("*.yaml"))


class EditorLoader(yaml.SafeLoader):
    """YAML as an editor's language server reads it: dates and times of day are texts (YAML 1.2)."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def accepts(schema: dict[str, Any], document: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(schema).is_valid(document))


def documents(text: str) -> list[Any]:
    return list(yaml.load_all(text, Loader=EditorLoader))


@pytest.mark.parametrize("family", FAMILIES)
def test_schemas_are_schemas(family: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(family))
    assert schema_of(family)["description"]


def test_the_published_files_are_those_of_the_code(tmp_path: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of_any())
    published = ROOT / "docs" / "reference" / "schemas"
    written = write_schemas(tmp_path)
    assert [path.name for path in written] == [
        *(f"{family}.schema.json" for family in FAMILIES),
        "definition.schema.json",
    ]
    for path in written:
        assert (published / path.name).read_text() == path.read_text(), f"{path.name} is stale; run `make docs`"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_fit(path: Path) -> None:
    found = documents(path.read_text())
    assert found
    for document in found:
        assert accepts(schema_of(next(iter(document))), document), document
        assert accepts(schema_of_any(), document), document


@pytest.mark.parametrize(
    "text",
    [
        "tag: t\ntype: int\nowners: x",
        "tag: a-b\ntype: int",
        "campaign: Spring Sale",
        "offer: o\nstock: many",
        "offer: o\ncost: cheap",
        "event: e\nmax_age: 7 days",
        "campaign: c\ncontrol: 10",
        "campaign: c\ngoal: {event: e}",
        "campaign: c\ntouchpoints: sms",
        "campaign: c\ntouchpoints: [{at: {sms: now}}]",
        "touchpoint: t",
        "touchpoint: t\ndirection: sideways",
        "touchpoint: t\ndirection: in\nquiet_hours: {from: 9pm, to: '08:00'}",
        "policy: p\ncaps: [{per: customer, max: 3}]",
        "tag: t\ntype: int\nrange: [1]",
        "tag: t\ntype: int\nrange: [1, 2, 3]",
        "campaing: c",
    ],
)
def test_what_the_loader_refuses_the_schema_refuses(text: str) -> None:
    assert load_files([("f.yaml", text.encode())]).problems
    (document,) = documents(text)
    family = next(iter(document))
    assert not accepts(schema_of_any(), document)
    if family in FAMILIES:
        assert not accepts(schema_of(family), document)


def test_a_campaign_with_a_policy_is_read_as_a_campaign() -> None:
    good, bad = documents("campaign: c\npolicy: {category: x}\n---\ncampaign: c\npolicy: {catgory: x}")
    assert accepts(schema_of_any(), good)
    assert not accepts(schema_of_any(), bad)


def test_a_tag_with_a_source_is_read_as_a_tag() -> None:
    good, bad, source = documents(
        "tag: t\nsource: crm\n---\ntag: t\nsource: crm\nx: 1\n---\nsource: crm\nevent: recharge\nx: 1"
    )
    assert accepts(schema_of_any(), good)
    assert not accepts(schema_of_any(), bad)
    assert accepts(schema_of_any(), source)


def test_defaults_are_shown_as_a_definition_writes_them() -> None:
    schema = schema_of("event")
    assert schema["properties"]["max_age"]["default"] == "1h"
    assert schema_of("campaign")["properties"]["propensity"]["default"] == "100%"
    assert json.dumps(schema)
