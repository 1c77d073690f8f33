"""Public pages of one site, politely: as robots.txt says, one request after the other with a wait between, and within limits."""

import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from hashlib import blake2b
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

from opportune.facts import MS_PER_SECOND
from opportune.intake.connectors.fetching import Fetch, FetchFailedError, Reach, State
from opportune.intake.extras import extra
from opportune.intake.loading import stored_row
from opportune.intake.origins import PagesDefinition
from opportune.intake.tables import ABSENT, Row, json_text

AGENT = "opportune-crawler"
PAGE_BYTES_MAX = 5_000_000
ROWS_REMEMBERED_MAX = 200_000
TIMEOUT_SECONDS = 20
WAIT_SECONDS_MAX = 300.0
REDIRECTS_MAX = 5
_HTML = re.compile(r"text/html|application/xhtml\+xml")


def fetch_pages(definition: PagesDefinition, state: State, _reach: Reach) -> Iterator[Fetch]:
    """One fetch: the rows of all pages that were not there before, word by word. Raises FetchFailedError, ExtraMissingError."""
    after: State = {"seen": list(state.get("seen", []))}
    yield Fetch(definition.start[0] if definition.start else "", _rows(definition, after), after)


def _rows(definition: PagesDefinition, after: State) -> Iterator[Row]:
    seen = dict.fromkeys(after["seen"])
    with Site(definition) as site:
        for url, text in site.pages():
            for row in rows_of(definition, url, text):
                digest = blake2b(stored_row(row), digest_size=12).hexdigest()
                if digest not in seen:
                    seen[digest] = None
                    yield row
    after["seen"] = list(seen)[-ROWS_REMEMBERED_MAX:]


def rows_of(definition: PagesDefinition, url: str, text: str) -> Iterator[Row]:
    """The rows of a page. Raises FetchFailedError for a selector that is none."""
    parser = extra("selectolax.lexbor", "sources")
    try:
        for node in parser.LexborHTMLParser(text).css(definition.rows):
            cells = {name: _field(node, selector) for name, selector in definition.fields.items()}
            yield Row({"page": json_text(url), **cells}, b"")
    except parser.SelectolaxError as error:
        raise FetchFailedError(f"pages: a selector cannot be read ({error})") from error


def _field(node: Any, selector: str) -> bytes:
    path, _, attribute = selector.partition("@")
    found = node.css_first(path) if path else node
    if found is None:
        return ABSENT
    text = found.attributes.get(attribute) if attribute else " ".join(found.text(separator=" ").split())
    return json_text(text) if text else ABSENT


class Site:
    """One site being crawled."""

    def __init__(
        self,
        definition: PagesDefinition,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises FetchFailedError for addresses that are no pages of one site, ExtraMissingError."""
        import httpx

        self._definition, self._clock, self._sleep = definition, clock, sleep
        places = {urlsplit(url)[:2] for url in definition.start}
        if len(places) != 1 or next(iter(places))[0] not in ("http", "https"):
            raise FetchFailedError(
                "pages: `start` names pages of one site, by http or https; write a source for each site"
            )
        scheme, host = next(iter(places))
        self._root, self._place = f"{scheme}://{host}", (scheme, host)
        extra("selectolax.lexbor", "sources")
        self._protego = extra("protego", "sources").Protego
        self._http = httpx.Client(
            headers={"User-Agent": AGENT}, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
        )
        self._failed = (httpx.HTTPError, httpx.InvalidURL)
        self._asked: float | None = None
        self._wait = definition.wait / MS_PER_SECOND

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def pages(self) -> Iterator[tuple[str, str]]:
        """(address, HTML) of the pages, the start first, then what they lead to; each once. Raises FetchFailedError."""
        rules = self._rules()
        delay = rules.crawl_delay(AGENT)
        self._wait = min(max(self._wait, float(delay or 0)), WAIT_SECONDS_MAX)
        ahead, known = deque(self._definition.start), set(self._definition.start)
        asked = 0
        while ahead and asked < self._definition.pages_max:
            url = ahead.popleft()
            if not rules.can_fetch(url, AGENT):
                continue
            asked += 1
            status, text, leads = self._get(url, is_start=url in self._definition.start)
            for link in [*leads, *(self._links(url, text) if status == 200 else [])]:
                if link not in known:
                    known.add(link)
                    ahead.append(link)
            if status == 200:
                yield url, text

    def _rules(self) -> Any:
        """What robots.txt says: without one all is allowed; where it cannot be had now, nothing is."""
        place = f"{self._root}/robots.txt"
        for _ in range(REDIRECTS_MAX):
            status, text, leads = self._get(place, is_start=False, any_type=True)
            if not leads:
                break
            place = leads[0]
        if 400 <= status < 500:
            return self._protego.parse("")
        if status != 200:
            raise FetchFailedError(
                f"{self._root}/robots.txt answers {status}: nothing is asked of a site that cannot say what it allows"
            )
        return self._protego.parse(text)

    def _get(self, url: str, *, is_start: bool, any_type: bool = False) -> tuple[int, str, list[str]]:
        """(status, text, where it redirects to on this site); (0, ...) for what is no page."""
        if self._asked is not None:
            left = self._asked + self._wait - self._clock()
            if left > 0:
                self._sleep(left)
        self._asked = self._clock()
        try:
            with self._http.stream("GET", url) as answer:
                if answer.is_redirect:
                    target = urldefrag(urljoin(url, answer.headers.get("location", ""))).url
                    return 301, "", [target] if urlsplit(target)[:2] == self._place else []
                if (
                    answer.status_code == 200
                    and not any_type
                    and not _HTML.match(answer.headers.get("content-type", ""))
                ):
                    return 0, "", []
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > PAGE_BYTES_MAX:
                        return 0, "", []
                status, text = answer.status_code, body.decode(answer.encoding or "utf-8", "replace")
        except self._failed as error:
            if is_start or any_type:
                raise FetchFailedError(f"{url} cannot be read: {error}") from error
            return 0, "", []
        if status in (429, 503) or (is_start and status >= 400):
            raise FetchFailedError(
                f"{url} answers {status}; what was fetched before stays, and the next run asks again"
            )
        return status, text, []

    def _links(self, url: str, text: str) -> list[str]:
        if not self._definition.follow:
            return []
        parser = extra("selectolax.lexbor", "sources").LexborHTMLParser(text)
        return self._here([urljoin(url, node.attributes.get("href") or "") for node in parser.css("a[href]")])

    def _here(self, links: list[str]) -> list[str]:
        """Those links that lead to wanted pages of this site, without their fragments."""
        bare = [urldefrag(link).url for link in links]
        follow = self._definition.follow
        return [
            link
            for link in bare
            if urlsplit(link)[:2] == self._place and follow and fnmatchcase(urlsplit(link).path, follow)
        ]
