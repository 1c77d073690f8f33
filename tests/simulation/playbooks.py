"""The definitions of the simulated deployment: small, and with everything in them that a crash could tear apart."""

from pathlib import Path

from opportune.operations import read_definitions
from opportune.store import Definitions

_VOCABULARY = """
deployment: simulated
zone: Asia/Shanghai
currency: CNY
---
event: used
properties:
  pct: {type: int, range: [0, 100]}
  cell: {type: text}
  serial: {type: int}
---
event: bought
properties:
  amount: {type: money, range: [0, 1000]}
  order: {type: key}
  phone: {type: text, personal: true}
  serial: {type: int}
---
event: complained
means: complaint
properties:
  serial: {type: int}
---
tag: city
type: text
---
tag: value_class
type: int
range: [0, 9]
---
tag: full_name
type: text
sensitivity: personal
---
tag: spent_2d
counter: {of: bought, measure: sum, value: amount, over: 2d, bucket: day}
---
tag: uses_6h
counter: {of: used, measure: count, over: 6h, bucket: hour}
---
tag: buyer
rule: spent_2d >= 20 OR value_class >= 7
---
touchpoint: app
direction: in
---
touchpoint: sms
direction: out
capacity: {per_day: 40}
cost: 0.05
quiet_hours: {from: "22:00", to: "07:00"}
---
offer: pack
value: 12
cost: 1.50
stock: 60
---
offer: voucher
value: 6
cost: 0.80
eligible: NOT buyer
"""

_FIRST = """
policy: default
caps:
  - {per: customer, max: 3, in: 1d}
  - {per: channel, max: 2, in: 12h}
cool_down: {after_refused: 2d, after_complaint: 1d}
consent: assumed
universal_control: 5%
---
campaign: upsell
audience: uses_6h >= 1 AND NOT buyer
trigger: {event: used, where: event.pct >= 30}
goal: {event: bought, within: 1d, value: event.amount}
touchpoints: [{at: sms, push: now}]
offers: [{offer: pack, weight: 2}, {offer: voucher}]
policy: {category: upsell, budget: {contacts: 25, money: 60.00}}
control: 20%
---
campaign: loyal
audience: buyer AND city <> 'far'
trigger: {event: bought, where: event.amount >= 5}
goal: {event: bought, reach: sum(event.amount) >= 40.00, within: 2d}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}, {offer: pack}]
policy: {category: loyalty, caps: [{max: 2, in: 2d}], budget: {contacts: 4, per: day}}
control: 10%
again_after: 8h
"""

_CHANGED = """
policy: default
caps:
  - {per: customer, max: 2, in: 1d}
  - {per: customer, max: 5, in: 3d}
  - {per: channel, max: 2, in: 12h}
cool_down: {after_refused: 1d, after_complaint: 1d}
consent: required
universal_control: 5%
---
tag: uses_3d
counter: {of: used, measure: count, over: 3d, bucket: day}
---
event: roamed
properties:
  country: {type: text}
  serial: {type: int}
---
campaign: upsell
audience: uses_3d >= 2 AND NOT buyer
trigger: {event: used, where: event.pct >= 20}
goal: {event: bought, within: 1d, value: event.amount}
touchpoints: [{at: sms, push: now}]
offers: [{offer: pack, weight: 2}, {offer: voucher}]
policy: {category: upsell, budget: {contacts: 50, money: 90.00}}
control: 20%
---
campaign: loyal
audience: buyer AND city <> 'far'
trigger: {event: bought, where: event.amount >= 5}
goal: {event: bought, reach: sum(event.amount) >= 40.00, within: 2d}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}, {offer: pack}]
policy: {category: loyalty, caps: [{max: 2, in: 2d}], budget: {contacts: 3, per: day}}
control: 10%
again_after: 8h
---
campaign: abroad
trigger: {event: roamed, where: event.country = 'there'}
touchpoints: [{at: sms, push: now}]
offers: [{offer: voucher}]
policy: {category: roaming}
"""

VERSIONS = 2


def definitions_of(version: int, folder: Path) -> Definitions:
    """Playbook 1, or 2, the changed one; written to `folder` and read like anybody's."""
    place = folder / f"definitions-{version}"
    place.mkdir(parents=True, exist_ok=True)
    (place / "all.yaml").write_text(_VOCABULARY + "---" + (_FIRST, _CHANGED)[version - 1])
    return read_definitions(place)
