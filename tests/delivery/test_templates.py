"""Templates: what is said, what is refused when it is saved, and that nothing gets out of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opportune.delivery import TemplateFailedError, check_content, render
from opportune.delivery.templates import TEMPLATE_CHARACTERS_MAX

KNOWN = {"name": False, "event.used_pct": True, "event.place": False, "price": True, "at": True}
VALUES: dict[str, str | int | bool | None] = {
    "name": "Ann <b>", "event.used_pct": 80, "event.place": None, "price": 123456, "at": 1_700_000_000_000,
}  # fmt: skip


def said(text: str, html: bool = False, **more: str | int | None) -> str:
    return render(text, VALUES | more, lambda url: f"https://t.example/?to={url}&x=1", html)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You used {{event.used_pct}}%.\n", "You used 80%.\n"),
        ("Dear {{ name | default('customer') }}", "Dear Ann <b>"),
        ("in {{ event.place | default('your town') }}", "in your town"),
        ("{{ gone.far.away | default('here') }}", "here"),
        ("{% if event.place %}in {{ event.place | default('') }}{% else %}here{% endif %}", "here"),
        ("{% if event.used_pct >= 80 and not gone %}much{% endif %}", "much"),
        ("{% if gone > 3 or gone == 'x' %}a{% else %}b{% endif %}", "b"),
        ("{{ 'high' if event.used_pct > 90 else 'low' }}", "low"),
        ("{{ price | money }} {{ price | money(0) }} {{ price | number }}", "1,234.56 123,456 123,456"),
        ("{{ at | date }} {{ name | upper | truncate(4) }}", "2023-11-14 ANN…"),
        ("看 {{ link('https://shop.example.com/a') }}", "看 https://t.example/?to=https://shop.example.com/a&x=1"),
    ],
)
def test_what_is_said(text: str, words: str) -> None:
    assert not [
        p for p in check_content(text, KNOWN | {"gone": False, "gone.far.away": False}) if p.code != "needs_fallback"
    ]
    assert said(text) == words


def test_html_is_escaped_and_text_is_not() -> None:
    assert said("<p>{{ name | default('') }}</p>", html=True) == "<p>Ann &lt;b&gt;</p>"
    assert "&amp;x=1" in said('<a href="{{ link("https://a.example/") }}">', html=True)
    assert said("{{ name | default('') }}") == "Ann <b>"
    assert said("{{ evil }}", html=True, evil="{{ name }}<script>") == "{{ name }}&lt;script&gt;"


@pytest.mark.parametrize(
    ("text", "place", "code", "hint"),
    [
        ("a\nb {{ nmae }}", (2, 6), "unknown_variable", "did you mean `name`?"),
        ("{{ name }}", (1, 4), "needs_fallback", "default"),
        ("{{ name | uper }}", (1, 11), "unknown_filter", "upper"),
        ("{{ name | default(event.place) }}", (1, 19), "needs_fallback", "event.place"),
        ("{% for x in name %}{% endfor %}", (1, 1), "not_allowed", "link"),
        ("{% set x = 1 %}", (1, 1), "not_allowed", "link"),
        ("{% include 'x' %}", (1, 1), "not_allowed", "link"),
        ("{% macro m() %}{% endmacro %}", (1, 1), "not_allowed", "link"),
        ("{{ name() }}", (1, 8), "call", "link"),
        ("{{ link(name) }}", (1, 8), "call", "quotes"),
        ("{{ link('javascript:x') }}", (1, 8), "call", "https"),
        ("{{ 'a' * 1000000000 }}", (1, 1), "not_allowed", ""),
        ("{{ 2 ** 99999 }}", (1, 1), "not_allowed", ""),
        ("{{ event['used_pct'] }}", (1, 1), "not_allowed", ""),
        ("{{ event.__class__ }}", (1, 9), "not_allowed", ""),
        ("{{ ''.join }}", (1, 6), "not_allowed", ""),
        ("{{ price | truncate(99999999) }}", (1, 12), "not_allowed", "truncate(40)"),
        ("{{ price | money(price) }}", (1, 12), "not_allowed", ""),
        ("{{ price | truncate }}", (1, 12), "not_allowed", "truncate(40)"),
        ("{{ price | default(*name) }}", (1, 12), "not_allowed", ""),
        ("{{ price is divisibleby 3 }}", (1, 1), "not_allowed", ""),
        ("a\n{{ name", (2, 1), "syntax", "{{ name }}"),
        ("x" * (TEMPLATE_CHARACTERS_MAX + 1), (1, 1), "too_long", "shorten"),
        ("{{ " + "(" * 3_000 + "name" + ")" * 3_000 + " }}", (1, 1), "too_long", "simpler"),
        ("{% if name %}" * 3_000 + "{% endif %}" * 3_000, (1, 1), "too_long", "simpler"),
    ],
)
def test_what_is_refused_when_it_is_saved(text: str, place: tuple[int, int], code: str, hint: str) -> None:
    problem = check_content(text, KNOWN)[0]
    assert (problem.code, problem.line, problem.column) == (code, *place)
    assert hint in problem.hint
    if (
        code != "needs_fallback" and code != "unknown_variable"
    ):  # the deployment's variables change; the rest never runs
        with pytest.raises(TemplateFailedError):
            said(text)


@pytest.mark.parametrize(
    "text", ["{{ gone }}", "{{ event.place }}", "{{ gone | upper }}", "{{ gone.a }}", "a {{ name.x }}"]
)
def test_a_missing_variable_makes_no_words(text: str) -> None:
    with pytest.raises(TemplateFailedError, match=r"missing_variable|bad_content"):
        said(text)


@pytest.mark.parametrize("text", ["{{ name | money }}", "{{ price | date | number }}"])
def test_a_filter_that_does_not_fit_the_value_makes_no_words(text: str) -> None:
    with pytest.raises(TemplateFailedError, match="bad_content"):
        said(text)


PIECES = st.sampled_from(
    ["{{", "}}", "{%", "%}", "name", "event", ".", "__class__", "items", "|", "default", "link", "(", ")", "'x'", "if", "else",
     "endif", "for", "in", "[", "]", "*", "+", "~", "1", " ", "self", "range", "lipsum", "cycler", "{#", "#}", "\n", "-"]
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_is_written_is_checked_and_renders_or_is_refused(text: str) -> None:
    problems = check_content(text, KNOWN)
    try:
        words = said(text)
    except TemplateFailedError:
        return
    assert all(problem.code in ("needs_fallback", "unknown_variable") for problem in problems)
    assert "object at 0x" not in words
    assert "<class" not in words
