"""Content by touchpoint and language, and the links in it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opportune.delivery import (
    Click,
    TemplateFailedError,
    Unsubscription,
    check_offer_content,
    choose_language,
    content_variables,
    is_bot,
    open_link,
    open_signed,
    open_unsubscribe,
    render_content,
    sign,
    sign_link,
    sign_unsubscribe,
    templates_of,
)  # fmt: skip
from opportune.store import Links

SECRET, OTHER = b"0123456789abcdef", b"fedcba9876543210"


@pytest.mark.parametrize(
    ("content", "templates"),
    [
        ("hi", {"text": {"": "hi"}}),
        ({"zh": "好", "en": "hi"}, {"text": {"zh": "好", "en": "hi"}}),
        ({"script": "say"}, {"script": {"": "say"}}),
        (
            {"zh": {"subject": "题", "html": "<p>"}, "en": "hi"},
            {"subject": {"zh": "题"}, "html": {"zh": "<p>"}, "text": {"en": "hi"}},
        ),
        ({"subject": {"zh-CN": "题"}, "text": "hi"}, {"subject": {"zh-CN": "题"}, "text": {"": "hi"}}),
    ],
)
def test_content_may_be_written_in_several_ways(content: Any, templates: dict[str, dict[str, str]]) -> None:
    assert templates_of(content) == templates


def test_the_variables_that_content_speaks_of() -> None:
    html = '{% if event.amount > 3 %}{{ event.amount }}{% endif %} <a href="{{ link("https://example.org") }}">{{ title }}</a>'
    content = {"sms": {"en": "{{ name | default(nickname) }}", "zh": "您好"}, "email": {"html": html}}
    assert list(content_variables(content)) == [
        ("sms.en.text", "name"),
        ("sms.en.text", "nickname"),
        ("email.html", "event.amount"),
        ("email.html", "title"),
    ]


@pytest.mark.parametrize(
    "content", [3, {}, None, ["a"], {"English": "hi"}, {"zh": {"en": "x"}}, {"text": {"text": "x"}}, {"zh": 3}]
)
def test_what_is_no_content_is_told_with_its_path(content: Any) -> None:
    problems = check_offer_content({"sms": content}, {})
    assert [problem.problem.code for problem in problems] == ["shape"]
    assert problems[0].problem.cause.startswith("sms")


def test_mistakes_are_told_with_their_path() -> None:
    content = {"sms": {"zh": "{{ nmae }}", "en": "ok"}, "mail": {"en": {"html": "{% for %}"}}}
    found = [(placed.path, placed.problem.code) for placed in check_offer_content(content, {"name": True})]
    assert found == [("sms.zh.text", "unknown_variable"), ("mail.en.html", "syntax")]


@pytest.mark.parametrize(
    ("there", "wanted", "deployment", "chosen"),
    [(["en", "zh"], "zh", ["en"], "zh"), (["en", "zh"], "zh-CN", ["en"], "zh"), (["en", "zh"], "fr", ["zh", "en"], "zh"),
     (["en", ""], "fr", ["zh"], ""), (["en", "de"], "fr", ["zh"], "en"), (["zh"], "", [], "zh")],
)  # fmt: skip
def test_the_language_falls_back(there: list[str], wanted: str, deployment: list[str], chosen: str) -> None:
    assert choose_language(there, wanted, deployment) == chosen


def test_parts_keep_to_one_language_as_far_as_they_have_it() -> None:
    content = {"en": {"subject": "S-{{n}}", "text": "T", "html": "<p>{{n}}</p>"}, "zh": {"text": "文"}}
    rendered = render_content(content, "zh", ["en"], {"n": "<1>"}, str)
    assert (rendered.language, rendered.parts) == ("zh", {"subject": "S-<1>", "text": "文", "html": "<p>&lt;1&gt;</p>"})
    assert render_content(content, "fr", ["en"], {"n": 1}, str).parts["text"] == "T"
    with pytest.raises(TemplateFailedError, match="missing_variable"):
        render_content(content, "en", ["en"], {}, str)
    with pytest.raises(TemplateFailedError, match="bad_content"):
        render_content(None, "en", ["en"], {}, str)


def test_link_numbers_stay_and_are_shared(tmp_path: Path) -> None:
    first, second = Links(tmp_path), Links(tmp_path)
    number = first.number_of("https://a.example/x")
    assert second.number_of("https://a.example/x") == number == first.number_of("https://a.example/x")
    assert second.number_of("https://a.example/y") != number
    assert second.url_of(number) == "https://a.example/x"
    assert second.url_of(99) is None
    for bad in ("javascript:alert(1)", "https://" + "x" * 2_000, ""):
        with pytest.raises(ValueError, match="no link"):
            first.number_of(bad)
    first.close()
    second.close()


KEYS = st.one_of(st.integers(0, 10**18 - 1).map(str), st.text(min_size=1, max_size=60))


@given(KEYS, st.integers(0, 2**31))
def test_a_link_token_says_what_it_was_signed_for(key: str, number: int) -> None:
    key = key.encode("utf-8", "replace").decode()
    token = sign_link(SECRET, key, number)
    assert open_link(SECRET, token) == Click(key, number)
    assert open_link(OTHER, token) is None
    assert open_unsubscribe(SECRET, token) is None  # a token of one kind is none of another


def test_a_link_token_is_short_enough_for_an_sms() -> None:
    assert len(sign_link(SECRET, "12345678", 300)) <= 22


@given(st.binary(max_size=60), st.integers(0, 500), st.integers(1, 255))
def test_a_changed_token_opens_nothing(body: bytes, place: int, change: int) -> None:
    token = sign(SECRET, "x", body)
    assert open_signed(SECRET, "x", token) == body
    at = place % len(token)
    changed = token[:at] + chr((ord(token[at]) + change) % 128) + token[at + 1 :]
    assert changed == token or open_signed(SECRET, "x", changed) is None
    assert open_signed(SECRET, "x", token[:-1]) is None
    assert open_signed(SECRET, "x", token + "A") is None


@pytest.mark.parametrize("token", ["", "x", "é" * 20, "=" * 50, "A" * 5_000, "../../etc", "\x00" * 30])
def test_what_is_no_token_opens_nothing(token: str) -> None:
    assert open_link(SECRET, token) is None
    assert open_unsubscribe(SECRET, token) is None


def test_an_unsubscription_token_names_customer_purpose_and_channel() -> None:
    said = Unsubscription(7, "marketing", "mail", "42")
    assert open_unsubscribe(SECRET, sign_unsubscribe(SECRET, said)) == said
    with pytest.raises(ValueError, match="at least 16 bytes"):
        sign_unsubscribe(b"short", said)


PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
WECHAT = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/116.0 Mobile Safari/537.36 MicroMessenger/8.0.47 WeChat/arm64"


@pytest.mark.parametrize(
    ("agent", "method", "ms", "reason"),
    [
        (PHONE, "GET", 60_000, None),
        (WECHAT, "GET", None, None),
        (PHONE, "HEAD", 60_000, "method"),
        (" ", "GET", 60_000, "no_user_agent"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "GET", 60_000, "user_agent"),
        ("curl/8.0", "GET", 60_000, "user_agent"),
        ("Mozilla/5.0 HeadlessChrome/120", "GET", 60_000, "user_agent"),
        (PHONE, "GET", 300, "too_fast"),
    ],
)
def test_machines_clicks_are_told_with_their_reason(
    agent: str, method: str, ms: int | None, reason: str | None
) -> None:
    assert is_bot(agent, method, ms) == reason
