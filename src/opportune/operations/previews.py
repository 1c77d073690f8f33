"""Ask: how will it look? Content with made-up values where a customer's would stand, and what it is as SMS."""

from typing import Any

import msgspec

from opportune.campaigns import OfferDefinition
from opportune.delivery import (
    SmsLength,
    TemplateFailedError,
    Unsubscription,
    render_content,
    sign_link,
    sign_unsubscribe,
    sms_length,
    templates_of,
)
from opportune.engine import Playbook
from opportune.facts import DeploymentDefinition, Kind, ValueType
from opportune.store import Definitions

TEST_CODE = "TEST"
_SECRET = b"only for a length"
_LARGE = 10_000_000
"""A customer's and a decision's number of a size that makes links as long as those of a large deployment."""
_SAMPLES: dict[Kind, str | int | bool] = {
    Kind.BOOL: True, Kind.INT: 85, Kind.DECIMAL: "85", Kind.MONEY: "128", Kind.DATE: "2026-12-31",
    Kind.TIMESTAMP: "2026-12-31 08:00:00", Kind.TEXT: "XXXXXX", Kind.KEY: "00000000000000ff",
}  # fmt: skip

Variables = dict[str, str | int | bool | None]


class SmsPreview(msgspec.Struct, frozen=True):
    """An offer's words for an SMS touchpoint in one language, with made-up values, and their length."""

    offer: str
    touchpoint: str
    language: str
    length: SmsLength
    text: str


def sample_variables(offer: OfferDefinition, playbook: Playbook, language: str) -> Variables:
    """Made-up values for all that an offer's content may speak of."""
    title = offer.title.zh if language.startswith("zh") else offer.title.en
    found: Variables = {name: _sample(kind) for name, kind in playbook.vocabulary.tags.items()}
    for types in playbook.vocabulary.events.values():
        found |= {f"event.{name}": _sample(kind) for name, kind in types.items()}
    found |= {"offer": offer.offer, "title": title or offer.offer}
    return found | ({"code": TEST_CODE} if offer.codes is not None else {})


def preview_sms(definitions: Definitions, playbook: Playbook) -> list[SmsPreview]:
    """What each offer's content is as SMS, per touchpoint by SMPP and language. The content has been checked."""
    found = []
    for offer in definitions.offers.values():
        for name, content in offer.content.items():
            touchpoint = definitions.touchpoints.get(name)
            if touchpoint is None or touchpoint.delivery is None or touchpoint.delivery.by != "smpp":
                continue
            languages = dict.fromkeys(language for part in templates_of(content).values() for language in part)
            for language in languages:
                found.append(_preview(offer, name, content, language, definitions, playbook))
    return found


def _preview(
    offer: OfferDefinition, touchpoint: str, content: Any, language: str, definitions: Definitions, playbook: Playbook
) -> SmsPreview:
    deployment = definitions.deployment or DeploymentDefinition("opportune")
    base = deployment.public_url.rstrip("/")
    said = Unsubscription(_LARGE, "marketing", touchpoint, str(_LARGE))
    variables = sample_variables(offer, playbook, language)
    variables["unsubscribe"] = f"{base}/u/{sign_unsubscribe(_SECRET, said)}" if base else ""

    def link(url: str) -> str:
        return f"{base}/l/{sign_link(_SECRET, str(_LARGE), 1)}" if base else url

    try:
        text = render_content(content, language, deployment.languages, variables, link).parts.get("text", "")
    except TemplateFailedError:  # a filter that the made-up value does not fit
        text = templates_of(content).get("text", {}).get(language, "")
    return SmsPreview(offer.offer, touchpoint, language, sms_length(text), text)


def _sample(kind: ValueType) -> str | int | bool:
    return ", ".join(kind.members[:2]) if kind.kind is Kind.SET else _SAMPLES[kind.kind]
