"""Is there something to say, and can it be said? Offers' content and the ways out are checked when definitions are, not when a message fails."""

from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

from opportune.campaigns import CampaignDefinition, OfferDefinition, TouchpointDefinition
from opportune.delivery import ContentProblem, check_offer_content
from opportune.engine import Playbook
from opportune.facts import DeploymentDefinition
from opportune.operations.who import KINDS
from opportune.store import DefinitionProblem, Definitions, ProblemCode, did_you_mean

ALWAYS = ("offer", "title", "unsubscribe")
"""Variables that every message has, beside the event's and the customer's."""
_NEED_ADDRESS = ("smtp", "smpp")
_Found = tuple[str, ProblemCode, str, str, int | None]


def check_contents(definitions: Definitions, playbook: Playbook) -> list[DefinitionProblem]:
    """Every mistake in offers' content and in the ways out of touchpoints, at its place. `playbook`: the definitions, compiled."""
    problems = []
    for name, touchpoint in definitions.touchpoints.items():
        found = _way_out(touchpoint, definitions)
        problems += [definitions.problem("touchpoint", name, *one) for one in found]
    for name, offer in definitions.offers.items():
        problems += [definitions.problem("offer", name, *one) for one in _content(offer, definitions, playbook)]
    for name, campaign in definitions.campaigns.items():
        problems += [definitions.problem("campaign", name, *one) for one in _said(campaign, definitions)]
    return problems


def known_variables(offer: OfferDefinition, definitions: Definitions, playbook: Playbook) -> dict[str, bool]:
    """What an offer's content may speak of -> whether it is always there.

    Events: those that trigger campaigns with this offer (all, while no campaign has it). A tag is at hand where a live rule reads it, for
    only then has it a column; what is personal never is.
    """
    events = _events_of(offer.offer, definitions)
    known = dict.fromkeys(ALWAYS, True) | ({"code": True} if offer.codes is not None else {})
    names = playbook.numbering.names["tag"]
    columns = {names[number] for number in playbook.layout.columns}
    for tag, definition in definitions.tags.items():
        if definition.sensitivity != "personal":
            known[tag] = tag in columns
    types = playbook.vocabulary.events
    for event in events or list(types):
        for name in types.get(event, {}):
            if event in definitions.events and definitions.events[event].properties[name].personal:
                continue
            everywhere = not events or all(name in types.get(other, {}) for other in events)
            known[f"event.{name}"] = everywhere
    return known


def written_path(content: Any, path: str) -> str:
    """Where a template stands in an offer's YAML: a problem's path is touchpoint, language, part; a writer may turn the last two."""
    touchpoint, *rest = path.split(".")
    for many in range(len(rest), -1, -1):
        for order in permutations(rest, many):
            inner = content.get(touchpoint)
            for word in order:
                inner = inner.get(word) if isinstance(inner, Mapping) else None
            if isinstance(inner, str):
                return ".".join((touchpoint, *order))
    return touchpoint


def _events_of(offer: str, definitions: Definitions) -> list[str]:
    """The events that trigger campaigns with this offer, each once."""
    found = [
        campaign.trigger.event
        for campaign in definitions.campaigns.values()
        if campaign.trigger is not None and any(choice.offer == offer for choice in campaign.offers)
    ]
    return list(dict.fromkeys(found))


def _content(offer: OfferDefinition, definitions: Definitions, playbook: Playbook) -> Iterator[_Found]:
    known = known_variables(offer, definitions, playbook)
    for placed in check_offer_content(offer.content, known):
        path, problem = written_path(offer.content, placed.path), placed.problem
        inner: Any = offer.content
        for word in path.split("."):
            inner = inner[word] if isinstance(inner, Mapping) else inner
        offset = _offset(inner, problem) if isinstance(inner, str) else None
        yield f"content.{path}", ProblemCode.NOT_COMPILABLE, problem.cause, _hint(problem, definitions), offset


def _hint(problem: ContentProblem, definitions: Definitions) -> str:
    """The hint, and for a tag that may be missing why it is: nobody would guess."""
    name = problem.cause.split("`")[1] if problem.code == "needs_fallback" else ""
    if name in definitions.tags:
        return f"no campaign's rule reads the tag, so it is not kept at hand: use it in a rule, or {problem.hint}"
    return problem.hint


def _offset(text: str, problem: ContentProblem) -> int:
    """The character of a template at which a problem stands."""
    before = text.splitlines(keepends=True)[: problem.line - 1]
    return min(sum(map(len, before)) + problem.column - 1, max(len(text) - 1, 0))


def _way_out(touchpoint: TouchpointDefinition, definitions: Definitions) -> Iterator[_Found]:
    """A touchpoint's delivery: where the address comes from, and what mails need."""
    delivery = touchpoint.delivery
    if delivery is None:
        return
    personal = [name for name, tag in definitions.tags.items() if tag.sensitivity == "personal"]
    if delivery.address is None:
        if delivery.by in _NEED_ADDRESS:
            message = f"`{delivery.by}` needs to know which address of the customer's to send to"
            yield "delivery", ProblemCode.MISSING_KEY, message, _addresses(personal), None
    elif delivery.address not in (*KINDS, *personal):
        tag = definitions.tags.get(delivery.address)
        message = (
            f"`{delivery.address}` is neither a kind of identifier nor a personal tag"
            if tag is None
            else f"the tag `{delivery.address}` is not personal, and addresses are"
        )
        hint = "declare it with `sensitivity: personal`" if tag is not None else _addresses(personal, delivery.address)
        yield "delivery.address", ProblemCode.CONTRADICTION, message, hint, None
    deployment = definitions.deployment or DeploymentDefinition("opportune")
    if delivery.by == "smtp" and touchpoint.contact_class == "marketing" and not deployment.public_url:
        message = "marketing e-mail needs one-click unsubscription, and nobody could reach it"
        hint = "give the deployment a `public_url`, for example https://offers.example.com"
        yield "delivery.by", ProblemCode.CONTRADICTION, message, hint, None


def _addresses(personal: list[str], word: str = "") -> str:
    return did_you_mean(word, [*KINDS, *personal]) or f"write for example `address: {(personal or ['phone'])[0]}`"


def _said(campaign: CampaignDefinition, definitions: Definitions) -> Iterator[_Found]:
    """What is pushed to a touchpoint that we deliver needs words there, whichever offer is chosen."""
    pushed = {
        name: f"touchpoints[{index}].at" + ("" if isinstance(step.at, str) else f"[{inner}]")
        for index, step in enumerate(campaign.touchpoints)
        if step.push
        for inner, name in enumerate((step.at,) if isinstance(step.at, str) else step.at)
    }
    for name, path in pushed.items():
        touchpoint = definitions.touchpoints.get(name)
        if touchpoint is None or touchpoint.delivery is None:
            continue
        if not campaign.offers:
            message = f"messages leave by `{name}`, and the campaign has no offer whose content they could be"
            yield path, ProblemCode.CONTRADICTION, message, "add `offers: [{offer: …}]`", None
        for index, choice in enumerate(campaign.offers):
            offer = definitions.offers.get(choice.offer)
            if offer is not None and name not in offer.content:
                message = f"`{name}` pushes the offer `{choice.offer}`, which has no content for it"
                hint = f"write `content: {{{name}: …}}` at the offer, or leave `{name}` out"
                yield f"offers[{index}].offer", ProblemCode.CONTRADICTION, message, hint, None
