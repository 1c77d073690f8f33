"""Writes the tags of examples/telecom that come in families, as YAML beside those that are written by hand (`tags.yaml`).

python examples/telecom/tag_families/write.py            writes definitions/tags-*.yaml anew
python examples/telecom/tag_families/write.py --check    says whether they are what it writes
"""

import re
import sys
from pathlib import Path

import declared
import derived
import digital
import money
import places
import usage
from families import Tag

DEFINITIONS = Path(__file__).parents[1] / "definitions"
HEAD = "# Written by examples/telecom/tag_families/write.py: change the families there, not here.\n"


def by_hand() -> tuple[set[str], set[str]]:
    """The names and the counters of the tags in tags.yaml, the counters without blanks."""
    text = (DEFINITIONS / "tags.yaml").read_text(encoding="utf-8")
    names = set(re.findall(r"^tag: (\w+)", text, re.MULTILINE))
    return names, {_plain(found) for found in re.findall(r"^counter: .*", text, re.MULTILINE)}


def files() -> dict[str, str]:
    """File name -> its text. Tags that tags.yaml has already, by name or as the same counter, are left to it."""
    names, counters = by_hand()
    parts: dict[str, list[Tag]] = {
        "declared": declared.tags(),
        "usage": list(usage.tags()),
        "money": list(money.tags()),
        "places": list(places.tags()),
        "digital": list(digital.tags()),
    }
    kept = {
        name: [tag for tag in tags if tag.name not in names and _plain(tag.made[0]) not in counters]
        for name, tags in parts.items()
    }
    kept["derived"] = list(derived.tags([tag for tags in kept.values() for tag in tags]))
    seen = set(names)
    for tag in (tag for tags in kept.values() for tag in tags):
        if tag.name in seen:
            raise SystemExit(f"the tag {tag.name} is defined twice; rename or leave out one of the two")
        seen.add(tag.name)
    return {f"tags-{name}.yaml": HEAD + "---\n".join(tag.text() for tag in tags) for name, tags in kept.items()}


def _plain(text: str) -> str:
    return text.replace(" ", "").replace('"', "").replace("'", "")


def main() -> None:
    """Write or check."""
    stale = []
    for name, text in files().items():
        path = DEFINITIONS / name
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        raise SystemExit(f"stale: {', '.join(stale)}; write them anew: python {Path(__file__).name}")


if __name__ == "__main__":
    main()
