"""Offers' content and the ways out are refused when definitions are checked, with place, cause and hint."""

from pathlib import Path

import pytest

from opportune.operations import (
    DefinitionsRefusedError,
    compile_playbook,
    preview_sms,
    read_definitions,
)
from opportune.store import DefinitionProblem

GOOD = """
deployment: shop
languages: [zh, en]
public_url: https://shop.example
---
event: cart_left
properties: {items: {type: int}, total: {type: money}}
---
event: page_seen
properties: {items: {type: int}, page: {type: text}}
---
tag: arpu
type: int
---
tag: shoe_size
type: int
---
tag: mailbox
type: text
sensitivity: personal
---
touchpoint: sms
direction: out
delivery: {by: smpp, address: phone}
---
touchpoint: mail
direction: out
delivery: {by: smtp, address: mailbox}
---
offer: voucher
title: {en: Voucher, zh: 优惠券}
codes: spring
content:
  sms: {zh: "{{title}}：{{code}}，{{arpu}}，退订{{unsubscribe}}", en: "{{title}}: {{code}}"}
  mail:
    subject: {zh: "购物车有{{event.items}}件商品", en: "{{event.items}} items wait"}
    html: {zh: "<p>{{event.items}}</p>", en: '<a href="{{link("https://shop.example/cart")}}">cart</a>'}
---
campaign: left
audience: arpu >= 10
trigger: {event: cart_left}
touchpoints: [{at: sms, push: now}, {at: mail, push: now}]
offers: [{offer: voucher}]
"""


def problems(folder: Path, text: str) -> list[DefinitionProblem]:
    (folder / "all.yaml").write_text(text, encoding="utf-8")
    try:
        compile_playbook(None, read_definitions(folder))
    except DefinitionsRefusedError as error:
        return error.problems
    return []


def test_good_content_passes(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


@pytest.mark.parametrize(
    ("before", "after", "path", "said"),
    [
        ("{{title}}: {{code}}", "{{titel}}: {{code}}", "content.sms.en", "no variable `titel`; did you mean `title`"),
        ("codes: spring\n", "", "content.sms.zh", "no variable `code`"),
        ("{{title}}: {{code}}", "{{mailbox}}", "content.sms.en", "no variable `mailbox`"),
        ("{{title}}: {{code}}", "{{shoe_size}}", "content.sms.en", "no campaign's rule reads the tag"),
        ("{{title}}: {{code}}", "{{event.page}}", "content.sms.en", "no variable `event.page`"),
        ("{{event.items}} items", "{% for x in y %}{% endfor %}", "content.mail.subject.en", "`for` is not allowed"),
        ("<p>{{event.items}}</p>", "{{event.items|big}}", "content.mail.html.zh", "no filter `big`"),
        ("html: {zh", "htlm: {zh", "content.mail", "neither a language such as zh or en nor a part"),
        ("address: phone", "address: phnoe", "delivery.address", "neither a kind of identifier nor a personal tag"),
        ("address: phone", "address: arpu", "delivery.address", "is not personal, and addresses are"),
        (", address: phone", "", "delivery", "which address of the customer's"),
        ("public_url: https://shop.example\n", "", "delivery.by", "needs one-click unsubscription"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_at_its_place(tmp_path: Path, before: str, after: str, path: str, said: str) -> None:
    assert before in GOOD
    found = [one for one in problems(tmp_path, GOOD.replace(before, after)) if one.path == path]
    assert found, problems(tmp_path, GOOD.replace(before, after))
    assert said in found[0].text()
    assert found[0].line > 1


def test_the_column_is_that_of_the_word(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, GOOD.replace("{{title}}: {{code}}", "{{title}}: {{kode}}"))
    line = (tmp_path / "all.yaml").read_text(encoding="utf-8").splitlines()[problem.line - 1]
    assert line[problem.column - 1 :].startswith("kode")


def test_what_is_pushed_needs_content_for_every_offer(tmp_path: Path) -> None:
    more = GOOD.replace("[{offer: voucher}]", "[{offer: voucher}, {offer: bare}]") + "---\noffer: bare\n"
    assert [one.path for one in problems(tmp_path, more)] == ["offers[1].offer"] * 2
    none = GOOD.replace("offers: [{offer: voucher}]\n", "")
    assert {one.path for one in problems(tmp_path, none)} == {"touchpoints[0].at", "touchpoints[1].at"}


def test_a_property_of_one_of_two_events_needs_a_fallback(tmp_path: Path) -> None:
    two = GOOD + GOOD[GOOD.index("---\ncampaign") :].replace("left", "seen", 1).replace("cart_left", "page_seen")
    assert problems(tmp_path, two) == []
    total = two.replace("{{title}}: {{code}}", "{{event.total}}")
    assert ["may be missing" in one.message for one in problems(tmp_path, total)] == [True]
    assert problems(tmp_path, total.replace("event.total", "event.total | default('…')")) == []


def test_service_mail_needs_no_unsubscription(tmp_path: Path) -> None:
    service = GOOD.replace("public_url: https://shop.example\n", "")
    for name in ("sms", "mail"):
        service = service.replace(f"touchpoint: {name}\n", f"touchpoint: {name}\nclass: service\n")
    assert problems(tmp_path, service) == []


def test_the_length_of_every_sms_is_shown(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(GOOD, encoding="utf-8")
    definitions = read_definitions(tmp_path)
    chinese, english = preview_sms(definitions, compile_playbook(None, definitions))
    assert (english.language, english.text, english.length.coding, english.length.parts) == (
        "en",
        "Voucher: TEST",
        "gsm7",
        1,
    )
    assert english.length.units == len(english.text)
    assert chinese.text.startswith("优惠券：TEST，85，退订https://shop.example/u/")
    assert chinese.length.coding == "ucs2"
    assert chinese.length.parts == 1 + (len(chinese.text) > 70)
