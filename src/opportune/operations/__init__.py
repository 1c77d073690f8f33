"""What a person or a clock can ask of a deployment: init, publish, import, replay, explain, report; one file per ask."""

from opportune.operations.accounting import Accounting, SourceAccount
from opportune.operations.accounts import read_accounts
from opportune.operations.audience import InPlace, holding
from opportune.operations.backup import MANIFEST, Manifest, backup, restore
from opportune.operations.clicks import state_click
from opportune.operations.consents import state_consent
from opportune.operations.customer import CustomerView, view_customer
from opportune.operations.decision_extract import Extracted, export_decisions
from opportune.operations.decision_feed import PAGE_MAX as DECISIONS_PAGE_MAX
from opportune.operations.decisions import DecisionFilter, DecisionLine, list_decisions, moment_in
from opportune.operations.demo_online_retail import OnlineRetailResult, run_online_retail
from opportune.operations.demo_starbucks import StarbucksResult, run_starbucks
from opportune.operations.demo_telecom import SOURCE as TELECOM_SOURCE, Carrier, TelecomResult, customers_max_of, run_telecom  # fmt: skip
from opportune.operations.deployment import FOLDING_MAX, Deployment, DeploymentError, Folded, create_deployment, journal_of, open_deployment, read_group  # fmt: skip
from opportune.operations.door import Door, OverloadedError, Taken
from opportune.operations.duplicates import DuplicateLine, DuplicatePage, DuplicatesFound, decide_pair, find_duplicates, list_clusters, list_duplicates, matching_of, merge_same, open_pair, show_duplicate  # fmt: skip
from opportune.operations.event_catalogue import EventEntry, EventFilter, EventPage, event_page, list_events
from opportune.operations.event_counts import EventCounts, EventSeen
from opportune.operations.examples import examples_folder
from opportune.operations.explain import Candidate, Explanation, UnmetCondition, explain
from opportune.operations.forget import Forgotten, forget_person
from opportune.operations.flips import Flip
from opportune.operations.imports import Imported, import_ndjson, import_sources
from opportune.operations.ingest import Ingested, ingest, pieces
from opportune.operations.lineage import Lineage, Related, read_lineage
from opportune.operations.live_customer import LiveCustomers, TimelinePage
from opportune.operations.merging import Merged, Parted, merge, unmerge
from opportune.operations.names import mask_words
from opportune.operations.one_off import CUSTOMERS_PER_SEND_MAX, OneOffAsk, OneOffResult
from opportune.operations.one_off_sends import send_once
from opportune.operations.person_export import PersonExport, export_person
from opportune.operations.person_page import person_page
from opportune.operations.previews import SmsPreview, preview_sms
from opportune.operations.publish import ApprovalNeededError, DefinitionsRefusedError, Publication, compile_playbook, preview_changes, publish, read_definitions  # fmt: skip
from opportune.operations.promotion import promoted
from opportune.operations.redrive import GoneError, Redriven, redrive
from opportune.operations.replay import Replayed, replay
from opportune.operations.report import ArmResult, CampaignResult, ContactMonth, Report, report
from opportune.operations.retention import RetentionDone, RetentionPlan, apply_retention, plan_retention, retention_of
from opportune.operations.rotation import Rotated, rotate_key
from opportune.operations.segment import check_segment
from opportune.operations.segments import SegmentOverlap, SegmentSize, SegmentSnapshot, export_segment, prove_snapshot, segment_customers, segment_overlaps, segment_sizes, segment_snapshots, snapshot_segment  # fmt: skip
from opportune.operations.serving import Service
from opportune.operations.simulation_runs import SimulationAsk, SimulationRun
from opportune.operations.source_definitions import check_sources, definitions_of, open_loads, sources_of
from opportune.operations.source_inventory import FieldSource, WantedField, source_inventory
from opportune.operations.source_loads import SourceLoad, SourceRun, is_due, load_of, run_sources
from opportune.operations.source_preview import Preview, PreviewRow, preview_load, preview_new
from opportune.operations.source_quality import QualityFigure, source_quality
from opportune.operations.source_redrive import SourceRedriven, SourceReworked, redrive_source, rework_load
from opportune.operations.source_runs import SourceRuns
from opportune.operations.stop_sending import go_on, stop_sending
from opportune.operations.tag_catalogue import CategoryNode, TagEntry, TagFilter, TagPage, category_tree, list_tags, tag_page  # fmt: skip
from opportune.operations.tag_coverage import TagCoverage, coverage
from opportune.operations.tag_distribution import TagDistribution, TagValue, distribution_as_of, tags_of_customer
from opportune.operations.telecom_world import CAMPAIGNS, OFFERS, TOUCHPOINTS, DecisionView, World, view_decisions
from opportune.operations.timeline import PAGE_MAX as TIMELINE_PAGE_MAX
from opportune.operations.tokens import TokenError
from opportune.operations.touch import ANSWERS, Customer, Offered, RefusedError, TouchAsk, Touched
from opportune.operations.trial_sends import SeedAddress, TrialSend, TrialSent, read_seeds
from opportune.operations.unknown_events import Sightings, UnknownEvent, write_definitions
from opportune.operations.warnings import warn
from opportune.operations.who import customer_meant, find_customer, identifiers, note_access, open_people

__all__ = [
    "ANSWERS", "CAMPAIGNS", "CUSTOMERS_PER_SEND_MAX", "DECISIONS_PAGE_MAX", "FOLDING_MAX", "MANIFEST", "OFFERS", "TELECOM_SOURCE", "TIMELINE_PAGE_MAX", "TOUCHPOINTS", "Accounting", "ApprovalNeededError", "ArmResult", "CampaignResult", "Candidate", "Carrier", "CategoryNode", "ContactMonth",
    "Customer", "CustomerView", "DecisionFilter", "DecisionLine", "DecisionView", "DefinitionsRefusedError", "Deployment", "DeploymentError", "Door", "DuplicateLine", "DuplicatePage", "DuplicatesFound", "EventCounts", "EventEntry", "EventFilter", "EventPage", "EventSeen", "Explanation",
    "Extracted", "FieldSource", "Flip", "Folded", "Forgotten", "GoneError", "Imported", "InPlace", "Ingested", "Lineage", "LiveCustomers", "Manifest", "Merged", "Offered", "OneOffAsk", "OneOffResult", "OnlineRetailResult", "OverloadedError", "Parted", "PersonExport", "Preview",
    "PreviewRow", "Publication", "QualityFigure", "Redriven", "RefusedError", "Related", "Replayed", "Report", "RetentionDone", "RetentionPlan", "Rotated", "SeedAddress", "SegmentOverlap", "SegmentSize", "SegmentSnapshot", "Service", "Sightings", "SimulationAsk", "SimulationRun",
    "SmsPreview", "SourceAccount", "SourceLoad", "SourceRedriven", "SourceReworked", "SourceRun", "SourceRuns", "StarbucksResult", "TagCoverage", "TagDistribution", "TagEntry", "TagFilter", "TagPage", "TagValue", "Taken", "TelecomResult", "TimelinePage", "TokenError", "TouchAsk",
    "Touched", "TrialSend", "TrialSent", "UnknownEvent", "UnmetCondition", "WantedField", "World", "apply_retention", "backup", "category_tree", "check_segment", "check_sources", "compile_playbook", "coverage", "create_deployment", "customer_meant", "customers_max_of", "decide_pair",
    "definitions_of", "distribution_as_of", "event_page", "examples_folder", "explain", "export_decisions", "export_person", "export_segment", "find_customer", "find_duplicates", "forget_person", "go_on", "holding", "identifiers", "import_ndjson", "import_sources", "ingest", "is_due",
    "journal_of", "list_clusters", "list_decisions", "list_duplicates", "list_events", "list_tags", "load_of", "mask_words", "matching_of", "merge", "merge_same", "moment_in", "note_access", "open_deployment", "open_loads", "open_pair", "open_people", "person_page", "pieces",
    "plan_retention", "preview_changes", "preview_load", "preview_new", "preview_sms", "promoted", "prove_snapshot", "publish", "read_accounts", "read_definitions", "read_group", "read_lineage", "read_seeds", "redrive", "redrive_source", "replay", "report", "restore", "retention_of",
    "rework_load", "rotate_key", "run_online_retail", "run_sources", "run_starbucks", "run_telecom", "segment_customers", "segment_overlaps", "segment_sizes", "segment_snapshots", "send_once", "show_duplicate", "snapshot_segment", "source_inventory", "source_quality", "sources_of",
    "state_click", "state_consent", "stop_sending", "tag_page", "tags_of_customer", "unmerge", "view_customer", "view_decisions", "warn", "write_definitions",
]  # fmt: skip
