"""The playbook: a set of definitions compiled into the kernel's tables, with the layouts that its state has."""

import copy
import hashlib
import zoneinfo
from datetime import date
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.campaigns import point_campaigns, seed_of
from opportune.engine.compile_campaigns import CampaignCompiler, touchpoint_row
from opportune.engine.compile_detectors import DetectorCompiler, Watch
from opportune.engine.compile_moments import Moments, moments_of_tags
from opportune.engine.compile_profiles import Registers, check_counters, hot_columns, hot_tags
from opportune.engine.definitions import CompileProblem, DefinitionSet, PlaybookBody, PlaybookError
from opportune.engine.tables import PLAN, PLAN_TABLES, Plan
from opportune.engine.triggers import EventTables, rules_of_campaign
from opportune.engine.turns import DERIVED_PER_TURN_MAX
from opportune.engine.vocabulary import Vocabulary
from opportune.facts import Catalogue, Kind, Numbering, TextDictionary, encode_scalar, point, zone_table
from opportune.policy import plan_policy, point_policy
from opportune.profiles import RECORD_BYTES_MAX, plan_records
from opportune.rules import Ref, RulePlanBuilder


class Playbook:
    """Definitions in force, compiled.

    `plan` is what the kernel reads; `layout` and `ledger` say where state lives; `catalogue` is what intake reads messages by;
    `vocabulary` holds the checked rules of rule tags, `campaign_rules` those of campaigns; `watch` is what detectors remember, `moments` of what it is remembered when it was said.
    """

    def __init__(
        self,
        definitions: DefinitionSet,
        *,
        numbers: dict[str, list[str]] | None = None,
        dictionary: TextDictionary | None = None,
        version: int = 1,
        also_hot: tuple[str, ...] = (),
        record_bytes_max: int = RECORD_BYTES_MAX,
    ) -> None:
        """Compile. `numbers` are the names numbered so far (they keep their numbers); texts of rules join the dictionary. `also_hot`
        tags get a column though nothing decides by them.

        Raises PlaybookError with every problem found.
        """
        self.definitions = definitions
        self.version = version
        self.fingerprint = fingerprint_of(definitions)
        self.numbering = Numbering(numbers)
        self.dictionary = dictionary if dictionary is not None else TextDictionary()
        self.vocabulary = Vocabulary(definitions, self.numbering)
        self.zones = [definitions.deployment.zone]
        self.plan: Plan
        self.watch: Watch
        self.moments: Moments
        self._compile(also_hot, record_bytes_max)
        if self.vocabulary.problems:
            raise PlaybookError(self.vocabulary.problems)
        self.catalogue: Catalogue = self.vocabulary.catalogue()

    def check_cold(self) -> None:
        """Check the counters that have no column: their conditions and windows are compiled only where something uses them.

        Raises PlaybookError with every problem found. For whoever saves definitions.
        """
        hot = set(self.hot)
        check_counters(self.vocabulary, [name for name in self.definitions.tags if name not in hot])
        if self.vocabulary.problems:
            raise PlaybookError(self.vocabulary.problems)

    def body(self) -> PlaybookBody:
        """What is journaled when this playbook is published."""
        return PlaybookBody(self.version, self.fingerprint, self.definitions, self.numbering.names)

    def without_decisions(self, dictionary: TextDictionary | None = None) -> "Playbook":
        """The same columns, but nothing triggers and no goal is watched: for folding history aside.

        It follows `dictionary` from now on, where given: a copy, for folding beside others who make the own one grow.
        """
        quiet = copy.copy(self)
        if dictionary is not None:
            quiet.dictionary, quiet.zones = dictionary, list(self.zones)
            quiet._builder = self._builder.following(dictionary)
        events = self.plan.events.copy().view(np.recarray)
        events.trigger_count = 0
        events.watched = 0
        campaigns = self.plan.campaigns.campaigns.copy().view(np.recarray)
        campaigns.goal = -1
        touchpoints = self.plan.campaigns.touchpoints.copy()
        tables = self.plan.campaigns._replace(campaigns=campaigns, touchpoints=touchpoints)
        quiet.plan = self.plan._replace(events=events, campaigns=tables)
        quiet._point()
        return quiet

    def count_contacts_by(self, body: PlaybookBody) -> None:
        """Let contacts count into the categories and channels that an earlier playbook gave them (in `without_decisions` only)."""
        tables, d = self.plan.campaigns, body.definitions
        for number, name in enumerate(body.numbers["campaign"]):
            campaign = d.campaigns.get(name)
            known = self.numbering.known("category", campaign.policy.category) if campaign else None
            tables.campaigns[number].category = -1 if known is None else known
        for number, name in enumerate(body.numbers["touchpoint"]):
            tables.touchpoints[number] = touchpoint_row(d.touchpoints.get(name), self.numbering)

    def grow(self) -> None:
        """Let the look-up tables know the texts that the dictionary has learnt since."""
        rules = self._builder.grow(self.plan.rules)
        zone_of_code = self.plan.zone_of_code
        if self.definitions.policy and self.definitions.policy.time_zone:
            zone_of_code = self._zone_codes()
        zones = zone_table(self.zones) if len(self.zones) != len(self.plan.zones.first) - 1 else self.plan.zones
        self.plan = self.plan._replace(rules=rules, zone_of_code=zone_of_code, zones=zones)
        self._point()

    def _point(self) -> None:
        """Fill the PLAN bundle that the kernel is given; `plan` keeps its arrays alive."""
        self._bundle = np.zeros(1, PLAN).view(np.recarray)
        self.address = int(self._bundle.ctypes.data)
        into, plan = self._bundle[0], self.plan
        point(into, {name: getattr(plan, name) for name in PLAN_TABLES})
        point(into.rules, plan.rules._asdict())
        point(into.profiles, plan.profiles._asdict())
        point_policy(into.policy, plan.policy)
        point_campaigns(into.campaigns, plan.campaigns)
        point(into.zones, plan.zones._asdict())
        point(into.detection, plan.detection._asdict())
        for name, value in plan.figures.items():
            into[name] = value

    @property
    def bundle(self) -> np.recarray:
        """The PLAN bundle, as an array of one."""
        return self._bundle

    def _compile(self, also_hot: tuple[str, ...], bytes_max: int) -> None:
        v, d = self.vocabulary, self.definitions
        registers = Registers(v)
        builder = self._builder = RulePlanBuilder(self.dictionary, registers.number)
        compiler = CampaignCompiler(v, registers, builder)
        self.campaign_rules = {name: compiler.check(name, campaign) for name, campaign in d.campaigns.items()}
        detectors = DetectorCompiler(v, registers, builder)
        detectors.check()
        self._check_zone_tag()
        holidays = self._holidays()
        if v.problems:
            raise PlaybookError(v.problems)
        zone_tag = (d.policy.time_zone,) if d.policy and d.policy.time_zone else ()
        propensities = tuple(c.propensity for c in d.campaigns.values() if c.propensity in v.tags)
        every_rule = [rule for rules in self.campaign_rules.values() for rule in rules_of_campaign(rules)]
        every_rule += detectors.conditions.values()
        self.hot = hot_tags(v, every_rule, (*zone_tag, *propensities, *detectors.dates, *also_hot))
        tags, counters = hot_columns(v, self.hot, registers, builder)
        from_tags = {name: registers.number(Ref("tag", name)) for name in self.hot}
        registers.for_event(())
        programs = {name: builder.add_program(v.rules[name]) for name in self.hot if name in v.rules}
        for name, campaign in d.campaigns.items():
            compiler.add(name, campaign, self.campaign_rules[name])
        campaigns = compiler.build()
        detectors.add()
        if v.problems:
            raise PlaybookError(v.problems)
        names = self.numbering.names
        try:
            profiles, self.layout = plan_records(tags, counters, len(names["tag"]), len(names["event"]), bytes_max)
        except ValueError as error:
            raise PlaybookError([CompileProblem("tag", tags[0].name if tags else "", "", str(error))]) from error
        try:
            policy, self.ledger = plan_policy(d.policy, self.numbering, holidays, seed_of("universal control"))
        except ValueError as error:
            raise PlaybookError(
                [CompileProblem("policy", d.policy.policy if d.policy else "", "", str(error))]
            ) from error
        rules = builder.build()
        self.moments = moments_of_tags(d, tags, len(names["consent"]))
        detection = detectors.build(self.layout)
        self.watch = detectors.watch
        triggers = EventTables(
            v, self.campaign_rules, self.layout, rules, campaigns, from_tags, registers.now, programs, detectors
        )
        triggers.build()
        if v.problems:
            raise PlaybookError(v.problems)
        offset, width = -1, 0
        if zone_tag:
            offset, width = self.layout.columns[self.numbering.number("tag", zone_tag[0])]
        figures = {
            "record_bytes": self.layout.record_bytes,
            "ref_now": registers.now,
            "ref_at": registers.at,
            "ref_zone": registers.zone,
            "zone_offset": offset,
            "zone_width": width,
            "campaign_count": len(names["campaign"]),
            "fates_per_turn": int(triggers.events.trigger_count.max(initial=0))
            * (1 + DERIVED_PER_TURN_MAX if len(detection.detectors) else 1),
        }
        zone_of_code = self._zone_codes() if zone_tag else np.zeros(1, np.int32)
        self.plan = Plan(
            rules._replace(clauses=triggers.clauses), profiles, policy, campaigns, zone_table(self.zones), zone_of_code,
            triggers.events, triggers.admissions, triggers.candidates, *triggers.segments, triggers.loads,
            triggers.asked, self.moments.table(len(names["tag"])), detection, figures,
        )  # fmt: skip
        self.registers_size = registers.size
        self._point()

    def _check_zone_tag(self) -> None:
        policy = self.definitions.policy
        if policy and policy.time_zone:
            kind = self.vocabulary.tags.get(policy.time_zone)
            if kind is None or kind.kind is not Kind.TEXT or policy.time_zone in self.vocabulary.rules:
                self.vocabulary.problem(
                    "policy", policy.policy, "time_zone", f"no declared text tag `{policy.time_zone}`"
                )

    def _holidays(self) -> list[int]:
        days = []
        policy = self.definitions.policy
        for text in policy.holidays if policy else ():
            try:
                days.append((date.fromisoformat(text) - date(1970, 1, 1)).days)
            except ValueError:
                self.vocabulary.problem(
                    "policy", policy.policy if policy else "", "holidays", f"`{text}` is no day", "write YYYY-MM-DD"
                )
        return days

    def _zone_codes(self) -> NDArray[np.int32]:
        """Zone number per text code: 0, the deployment's, for a text that is no zone."""
        known = _zone_names()
        codes = np.zeros(len(self.dictionary) + 1, np.int32)
        for code, text in enumerate(self.dictionary.since(0), 1):
            if text in known:
                if text not in self.zones:
                    self.zones.append(text)
                codes[code] = self.zones.index(text)
        return codes


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def fingerprint_of(definitions: DefinitionSet) -> str:
    """A short hash of the definitions: two playbooks with the same one decide alike."""
    text = msgspec.json.encode(definitions, enc_hook=encode_scalar, order="sorted")
    return hashlib.blake2b(text, digest_size=12).hexdigest()
