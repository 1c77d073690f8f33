"""The crawler against a site that the tests start: it obeys robots.txt, waits, stays on the site, and takes each row once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opportune.facts import parse_duration
from opportune.intake import FetchFailedError, Reach, State, cells_of, stored_row
from opportune.intake.connectors.pages import AGENT, Site, fetch_pages
from opportune.intake.origins import PagesDefinition
from tests.intake.connectors.web import Asked, Told, Web, web

ROBOTS = f"User-agent: *\nDisallow: /\n\nUser-agent: {AGENT}\nDisallow: /shop/secret*\nAllow: /\nCrawl-delay: 0.05\n"
PAGE = """<html><body><a href="/shop/2#top">next</a> <a href="/shop/secret">secret</a> <a href="/about">about</a>
<a href="http://elsewhere.example/shop/3">elsewhere</a> <a href="/shop/file">file</a> <a href="/shop/moved">moved</a>
<div class="post" data-author="mei"><p>Nice  <b>tea</b></p><i>5</i></div><div class="post" data-author="jo"><p>Too sweet</p></div></body></html>"""


class Forum:
    """A little site; `pages` may be changed by a test."""

    def __init__(self) -> None:
        self.pages: dict[str, Told] = {
            "/robots.txt": Told(ROBOTS, kind="text/plain"),
            "/shop/1": Told(PAGE),
            "/shop/2": Told('<div class="post" data-author="li"><p>好喝</p></div><a href="/shop/1">back</a>'),
            "/shop/file": Told("%PDF", kind="application/pdf"),
            "/shop/moved": Told("", 302, location="/shop/4"),
            "/shop/4": Told('<div class="post" data-author="bo"><p>Fine</p></div>'),
            "/about": Told('<div class="post" data-author="no"><p>not wanted</p></div>'),
        }

    def __call__(self, asked: Asked) -> Told:
        """Answer."""
        return self.pages.get(asked.path, Told("nothing here", 404))


def definition(site: Web, **more: Any) -> PagesDefinition:
    """Posts of the forum."""
    given: dict[str, Any] = {
        "start": (f"{site.url}/shop/1",), "rows": ".post", "fields": {"author": "@data-author", "text": "p", "stars": "i"},
        "follow": "/shop/*", "wait": parse_duration("1ms"),
    }  # fmt: skip
    return PagesDefinition(**(given | more))


def taken(site: Web, state: State, **more: Any) -> tuple[list[Any], State]:
    """(author, text) of the rows fetched now, and the state after, as it comes back from where it is kept."""
    (one,) = fetch_pages(definition(site, **more), state, Reach(Path()))
    rows = [cells_of(stored_row(row)) or {} for row in one.rows]
    return [(json.loads(row["author"]), json.loads(row["text"])) for row in rows], json.loads(json.dumps(one.state))


ALL = [("mei", "Nice tea"), ("jo", "Too sweet"), ("li", "好喝"), ("bo", "Fine")]


def test_wanted_pages_are_read_as_robots_txt_allows() -> None:
    with web(Forum()) as site:
        assert taken(site, {})[0] == ALL
        paths = [one.path for one in site.asked]
        assert paths == ["/robots.txt", "/shop/1", "/shop/2", "/shop/file", "/shop/moved", "/shop/4"]
        assert all(one.headers["user-agent"] == AGENT for one in site.asked)


def test_a_row_is_taken_once_and_a_new_one_is_seen() -> None:
    forum = Forum()
    with web(forum) as site:
        state = taken(site, {})[1]
        assert taken(site, state)[0] == []
        forum.pages["/shop/2"] = Told(
            '<div class="post" data-author="li"><p>好喝</p></div><div class="post" data-author="an"><p>!</p></div>'
        )
        assert taken(site, state)[0] == [("an", "!")]


@pytest.mark.parametrize(("ours", "waits"), [("1ms", [0.05] * 5), ("3s", [3.0] * 5)])
def test_between_two_requests_there_is_the_longer_of_both_waits(ours: str, waits: list[float]) -> None:
    """The site asks for 50 ms in its robots.txt, which is read first."""
    waited: list[float] = []
    with web(Forum()) as site:
        with Site(definition(site, wait=parse_duration(ours)), clock=lambda: 0.0, sleep=waited.append) as crawler:
            assert len(list(crawler.pages())) == 3
        assert len(site.asked) == len(waited) + 1
    assert waited == waits


def test_no_more_pages_than_allowed() -> None:
    with web(Forum()) as site:
        assert taken(site, {}, pages_max=2)[0] == ALL[:3]
        assert len(site.asked) == 3


@pytest.mark.parametrize(
    ("robots", "cause"),
    [
        (Told("", 503), "robots.txt answers 503"),
        (Told("User-agent: *\nDisallow: /\n", kind="text/plain"), None),
        (Told("", 404), None),
    ],
)
def test_a_site_that_does_not_allow_it_is_left_alone(robots: Told, cause: str | None) -> None:
    forum = Forum()
    forum.pages["/robots.txt"] = robots
    with web(forum) as site:
        if cause is not None:
            with pytest.raises(FetchFailedError, match=cause):
                taken(site, {})
            assert len(site.asked) == 1
        elif robots.status == 404:
            assert (
                taken(site, {})[0][: len(ALL)] == ALL
            )  # nothing is forbidden, the secret page (which is none) neither
            assert "/shop/secret" in [one.path for one in site.asked]
        else:
            assert taken(site, {})[0] == []
            assert [one.path for one in site.asked] == ["/robots.txt"]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda site: {"start": (f"{site.url}/shop/9",)}, "answers 404"),
        (lambda site: {"start": (f"{site.url}/shop/1", "http://other.example/")}, "pages of one site"),
        (lambda site: {"start": ("file:///etc/passwd",)}, "by http or https"),
        (lambda site: {"rows": "div["}, "selector"),
    ],
)
def test_what_cannot_be_read_is_said(change: Callable[[Web], dict[str, Any]], cause: str) -> None:
    with web(Forum()) as site, pytest.raises(FetchFailedError, match=cause):
        taken(site, {}, **change(site))
