"""An offer's content for one touchpoint and one customer: the right language, the parts, the words."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from opportune.delivery.templates import ContentProblem, TemplateFailedError, Value, check_content, render, variables_in

PARTS = ("subject", "text", "html", "script", "image", "link")
ANY = ""
"""The language of content that names none."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Templates = dict[str, dict[str, str]]
"""Part -> language -> template."""


class Rendered(msgspec.Struct, frozen=True):
    """The words of a message by part, and the language they are in (empty where the content names none)."""

    language: str
    parts: dict[str, str]


class PlacedProblem(msgspec.Struct, frozen=True):
    """A mistake in an offer's content: the path (`sms.zh.text`) and the problem there."""

    path: str
    problem: ContentProblem


def templates_of(content: Any, path: str = "") -> Templates:
    """A touchpoint's content as templates by part and language.

    It is written as words, as words per language (`{zh: …, en: …}`), as parts (`{subject: …, html: …}`), or as either inside
    the other. Raises ValueError with the path where it is none of these.
    """
    found: Templates = {}
    _gather(content, None, ANY, path, found)
    return found


def _gather(content: Any, part: str | None, language: str, path: str, found: Templates) -> None:
    if isinstance(content, str):
        found.setdefault(part or "text", {})[language] = content
        return
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path}: content is words, words per language or parts ({', '.join(PARTS)})")
    for name, inner in content.items():
        place = f"{path}.{name}" if path else str(name)
        if name in PARTS and part is None:
            _gather(inner, name, language, place, found)
        elif _LANGUAGE.fullmatch(str(name)) and language == ANY:
            _gather(inner, part, name, place, found)
        else:
            raise ValueError(
                f"{place}: `{name}` is neither a language such as zh or en nor a part ({', '.join(PARTS)})"
            )


def check_offer_content(content: Mapping[str, Any], known_variables: Mapping[str, bool]) -> list[PlacedProblem]:
    """All mistakes in an offer's content (touchpoint -> content), as `check_content` finds them."""
    problems = []
    for touchpoint, inner in content.items():
        try:
            templates = templates_of(inner, touchpoint)
        except ValueError as error:
            problems.append(
                PlacedProblem(touchpoint, ContentProblem(1, 1, "shape", str(error), "see the offer's reference"))
            )
            continue
        for part, languages in templates.items():
            for language, text in languages.items():
                path = ".".join(filter(None, (touchpoint, language, part)))
                problems += [PlacedProblem(path, problem) for problem in check_content(text, known_variables)]
    return problems


def content_variables(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, dotted name) of every variable that an offer's content (touchpoint -> content) speaks of; the content was checked."""
    for touchpoint, inner in content.items():
        for part, languages in templates_of(inner, touchpoint).items():
            for language, text in languages.items():
                path = ".".join(filter(None, (touchpoint, language, part)))
                yield from ((path, name) for name in variables_in(text))


def choose_language(there: Sequence[str], wanted: str, deployment: Sequence[str]) -> str:
    """The language to use of those `there`: the customer's, the same without its region, the deployment's first, any.

    Raises ValueError where there is none.
    """
    if not there:
        raise ValueError("there is no content in any language")
    for language in (wanted, wanted.partition("-")[0], *deployment, ANY):
        if language in there:
            return language
    return there[0]


def render_content(
    content: Any, wanted: str, deployment: Sequence[str], variables: Mapping[str, Value], link: Callable[[str], str]
) -> Rendered:
    """The words of a touchpoint's content for one customer; every part in the same language as far as it has it.

    Raises TemplateFailedError where the content is not there or a variable without fallback is missing.
    """
    try:
        templates = templates_of(content)
    except ValueError as error:
        raise TemplateFailedError(f"bad_content: {error}") from error
    main = next(templates[part] for part in ("text", "html", "script", *templates) if part in templates)
    language = choose_language(list(main), wanted, deployment)
    parts = {}
    for part, languages in templates.items():
        chosen = choose_language(list(languages), language, deployment)
        parts[part] = render(languages[chosen], variables, link, html=part == "html")
    return Rendered(language, parts)
