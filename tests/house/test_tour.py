"""What the pages show is what the commands print: the tour and the life of an event are followed, command by command.

A fenced block of a page is either something to save (```yaml, ```json with a comment line before the fence that names the file),
something to type without looking (```sh), or something to type and what it prints (```console). A line `...` stands for any lines,
blank lines do not count, and times, rates and the folder are masked.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
MASKS = (
    (re.compile(r"\d[\d,.]* (ms|s|seconds|秒)\b"), r"N \1"),
    (re.compile(r"\([\d,.]+( facts)?/s\)"), r"(N\1/s)"),
)
TIMEOUT_S = 900
PAGES = {
    "README.md": "Five minutes",
    "README.zh-CN.md": "五分钟上手",
    "docs/life-of-an-event.md": "",
    "docs/how-to/connect-sources.md": "",
}


class Block(NamedTuple):
    """A fenced block: its language, the file that it is to be saved as (empty: none), and its text."""

    kind: str
    file: str
    body: str


def section(text: str, heading: str) -> str:
    """The part of a page under a heading of the second level; the whole page for no heading."""
    if not heading:
        return text
    start = text.index(f"\n## {heading}\n")
    end = text.find("\n## ", start + 4)
    return text[start : end if end > 0 else len(text)]


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(found["kind"], found["file"] or "", found["body"]) for found in FENCE.finditer(text)]


def commands(body: str) -> Iterator[tuple[str, list[str]]]:
    """(command, lines that it should print) of a console block."""
    parts = re.split(r"^\$ ", body, flags=re.MULTILINE)
    assert not parts[0].strip(), f"a console block begins with a command, not with: {parts[0]}"
    for part in parts[1:]:
        command, _, printed = part.partition("\n")
        yield command, printed.splitlines()


def run(command: str, folder: Path) -> str:
    """What a command prints, on both streams, in a folder; the installed `opportune` is on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPPORTUNE_")} | {"PATH": path}
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    return done.stdout.replace(str(folder), "~/tour")


def masked(lines: list[str]) -> list[str]:
    """Lines without blanks at their ends, blank lines, and what differs from run to run."""
    found = []
    for line in lines:
        for pattern, mask in MASKS:
            line = pattern.sub(mask, line)
        if line.strip():
            found.append(line.rstrip())
    return found


def matches(shown: list[str], printed: list[str]) -> bool:
    """Whether what is shown is what was printed; `...` stands for any lines."""
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(matches(shown[1:], printed[n:]) for n in range(len(printed) + 1))
    return bool(printed) and shown[0] == printed[0] and matches(shown[1:], printed[1:])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_the_commands_print(page: str, tmp_path: Path) -> None:
    found = blocks(section((ROOT / page).read_text(encoding="utf-8"), PAGES[page]))
    assert any(block.kind == "console" for block in found)
    for block in found:
        if block.file:
            (tmp_path / block.file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / block.file).write_text(block.body, encoding="utf-8")
        elif block.kind == "sh":
            run(block.body, tmp_path)
        elif block.kind == "console":
            for command, lines in commands(block.body):
                printed = run(command, tmp_path)
                shown = masked(lines)
                assert matches(shown, masked(printed.splitlines())), f"{page}: `{command}` prints now:\n{printed}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [(["a", "...", "d"], ["a", "b", "c", "d"], True), (["a", "..."], ["a"], True), (["a"], ["a", "b"], False),
     (["a", "...", "d"], ["a", "b"], False), ([], ["a"], False), (["b"], ["a"], False)],
)  # fmt: skip
def test_a_difference_is_seen(shown: list[str], printed: list[str], same: bool) -> None:
    assert matches(shown, printed) is same


def test_only_times_rates_and_blanks_are_masked() -> None:
    lines = ["15 messages, 0.10 seconds (1,234/s): 2 decisions", "", "playbook 1 (547 ms)  "]
    assert masked(lines) == ["15 messages, N seconds (N/s): 2 decisions", "playbook 1 (N ms)"]
