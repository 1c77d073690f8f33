"""Ask: how does it look when it arrives? Messages to ourselves: marked, counted nowhere, in no fact; made-up values where a customer's would stand.

Seed lists, the addresses one tests with, are in `<folder>/seeds.json`: {"team": [{"address": "13800000000", "language": "zh"}]}.
"""

import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec

from opportune.campaigns import TouchpointDefinition
from opportune.delivery import Message, TemplateFailedError, Withheld
from opportune.facts import NOBODY
from opportune.operations.deployment import DeploymentError
from opportune.operations.previews import TEST_CODE, sample_variables
from opportune.operations.saying import Saying, Value
from opportune.operations.touch import RefusedError
from opportune.store import NewMessage, OutboxRow, did_you_mean

SEEDS_FILE = "seeds.json"
TEST_KEY = "test-"
TEST_MARK = "[TEST] "
ADDRESSES_MAX = 100
ADDRESS_CHARACTERS_MAX = 320
VALUES_MAX = 100
OTHERS_MAY_READ = 0o077
KEY_BYTES = 8
_ADDRESS, _LANGUAGE = "test.address", "test.language"
_FETCHED = ("inbox", "work_items")
_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)


class SeedAddress(msgspec.Struct, frozen=True):
    """Where a test goes, and in which language (the deployment's first where empty)."""

    address: str
    language: str = ""


class TrialSend(msgspec.Struct, frozen=True):
    """What to send to ourselves: an offer's content for a touchpoint, to addresses, a seed list, or both.

    `values` replace made-up ones: `event.used_pct`, a tag's name, `code`.
    """

    offer: str
    touchpoint: str
    addresses: tuple[SeedAddress, ...] = ()
    seeds: str = ""
    language: str = ""
    values: dict[str, Value] = {}


class TrialSent(msgspec.Struct, frozen=True):
    """One message of a test: its key in the outbox, and how it stands: `queued`, `sent`, `failed` with the reason, …"""

    key: str
    address: str
    language: str
    state: str
    reason: str = ""


def read_seeds(folder: Path) -> dict[str, list[SeedAddress]]:
    """The seed lists of a data folder by name; none where there is no file.

    They are people's addresses: raises DeploymentError where others may read the file, or it is no such file.
    """
    path = folder / SEEDS_FILE
    if not path.exists():
        return {}
    if os.stat(path).st_mode & OTHERS_MAY_READ:
        raise DeploymentError(f"{path} holds addresses and others may read it; run: chmod 600 {path}")
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, list[SeedAddress]])
    except msgspec.DecodeError as error:
        raise DeploymentError(
            f'{path}: {error}; write for example {{"team": [{{"address": "13800000000", "language": "zh"}}]}}'
        ) from error


def trial_messages(ask: TrialSend, saying: Saying, folder: Path) -> list[NewMessage]:
    """The messages of a test, each with a random key. Raises RefusedError, DeploymentError."""
    definitions = saying.playbook.definitions
    touchpoint = definitions.touchpoints.get(ask.touchpoint)
    if touchpoint is None:
        hint = did_you_mean(ask.touchpoint, definitions.touchpoints, "touchpoint")
        raise RefusedError("unknown_touchpoint", f"no touchpoint `{ask.touchpoint}`; {hint}")
    if touchpoint.delivery is None or touchpoint.delivery.by in _FETCHED:
        raise RefusedError("not_sent", f"nothing is sent to an address from `{ask.touchpoint}`")
    if ask.offer not in definitions.offers:
        hint = did_you_mean(ask.offer, definitions.offers, "offer")
        raise RefusedError("unknown_offer", f"no offer `{ask.offer}`; {hint}")
    if saying.content_of(ask.offer, ask.touchpoint) is None:
        raise RefusedError("no_content", f"the offer `{ask.offer}` has no content for `{ask.touchpoint}`")
    return [
        NewMessage(
            TEST_KEY + secrets.token_hex(KEY_BYTES), ask.touchpoint, NOBODY, "", ask.offer, 0,
            {**ask.values, _ADDRESS: one.address, _LANGUAGE: ask.language or one.language}, is_test=True,
        )
        for one in _addresses(ask, folder)
    ]  # fmt: skip


def _addresses(ask: TrialSend, folder: Path) -> list[SeedAddress]:
    addresses = list(ask.addresses)
    if ask.seeds:
        lists = read_seeds(folder)
        if ask.seeds not in lists:
            known = ", ".join(sorted(lists)) or f"none; write {SEEDS_FILE} in the data folder"
            raise RefusedError("unknown_seeds", f"no seed list `{ask.seeds}`; there are: {known}")
        addresses += lists[ask.seeds]
    if not 0 < len(addresses) <= ADDRESSES_MAX:
        raise RefusedError("bad_addresses", f"a test goes to 1 to {ADDRESSES_MAX} addresses, not {len(addresses)}")
    if not all(0 < len(one.address) <= ADDRESS_CHARACTERS_MAX for one in addresses):
        raise RefusedError("bad_addresses", f"an address has 1 to {ADDRESS_CHARACTERS_MAX} characters")
    if len(ask.values) > VALUES_MAX or any(name.startswith("test.") for name in ask.values):
        raise RefusedError("bad_values", f"at most {VALUES_MAX} values, none named test.…")
    return addresses


def trial_sent(row: OutboxRow) -> TrialSent:
    """How a message of a test stands."""
    told = row.variables
    return TrialSent(row.key, str(told.get(_ADDRESS, "")), str(told.get(_LANGUAGE, "")), row.state.value, row.reason)


def compose_trial(
    row: OutboxRow, definition: TouchpointDefinition, saying: Saying, link: Callable[[str], str]
) -> Message | Withheld:
    """A test's row as a message, marked as a test wherever there are words."""
    definitions = saying.playbook.definitions
    offer = definitions.offers.get(row.offer)
    if offer is None or saying.content_of(row.offer, row.touchpoint) is None:
        return Withheld("no_content")
    language = str(row.variables.get(_LANGUAGE) or saying.languages[0])
    base = definitions.deployment.public_url.rstrip("/")
    unsubscribe = f"{base}/u/test" if base and definition.contact_class == "marketing" else ""
    given = {name: value for name, value in row.variables.items() if not name.startswith("test.")}
    variables = sample_variables(offer, saying.playbook, language) | {"code": TEST_CODE} | given
    try:
        said = saying.render(
            row.offer, row.touchpoint, NOBODY, language, variables | {"unsubscribe": unsubscribe}, link
        )
    except (TemplateFailedError, ValueError) as error:
        return Withheld(str(error))
    parts = {name: _marked(name, words) for name, words in said.parts.items()}
    return Message(
        row.key, row.touchpoint, row.customer, str(row.variables.get(_ADDRESS, "")), said.language,
        parts.get("subject", ""), parts.get("text", ""), parts.get("html", ""), parts.get("script", ""), unsubscribe, "",
        given, row.campaign, row.offer, True, row.at_least_once, row.until_ms,
    )  # fmt: skip


def _marked(part: str, words: str) -> str:
    """A part's words with the mark; in HTML inside the body."""
    if part not in ("subject", "text", "html", "script") or not words:
        return words
    if part != "html":
        return TEST_MARK + words
    body = _BODY.search(words)
    at = body.end() if body is not None else 0
    return f"{words[:at]}<p>{TEST_MARK.strip()}</p>{words[at:]}"
