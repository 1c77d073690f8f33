"""What is kept beside the journal: definitions (read from YAML, versioned), people (the only
place with addresses), and the outbox with what lies ready to be fetched."""

from opportune.store.approval import ApprovalDefinition, ApprovalStep, ApprovalWhen
from opportune.store.canonical import plain as written
from opportune.store.coupons import Coupons, PoolLeft
from opportune.store.database import StoreFailedError, copy_database, open_database
from opportune.store.definition_store import (
    DefinitionStep,
    DefinitionStore,
    DefinitionVersion,
    PlaybookDraft,
    PlaybookRow,
)
from opportune.store.definitions import FAMILIES, Definitions, Place, Places
from opportune.store.difference import Change, FieldChange, difference
from opportune.store.duplicates import DuplicateRun, Duplicates, FoundPair, PairRow, PairState
from opportune.store.drafts import (
    Content, Draft, DraftMovedError, Drafts, DraftState, DraftStep, StepKind, evidence_text,
)  # fmt: skip
from opportune.store.fingerprint import WORDS, Fingerprint, fingerprint_of, playbook_fingerprint
from opportune.store.inbox import Inbox, InboxItem, InboxState
from opportune.store.links import Links
from opportune.store.loads import LoadRow, Loads, SourceCheck
from opportune.store.outbox import Depth, Outbox
from opportune.store.outbox_tables import (
    EVERYWHERE, NewMessage, OutboxRow, OutboxState, Report, Settled, Stage,
)  # fmt: skip
from opportune.store.keys import ApiKey, Keys
from opportune.store.people import AuditLine, People, Quarantined
from opportune.store.people_upgrade import seal_clear_rows
from opportune.store.problems import DefinitionProblem, ProblemCode, did_you_mean
from opportune.store.references import check_references
from opportune.store.schemas import schema_of, schema_of_any, write_schemas
from opportune.store.sealing import Seal, SealBrokenError, Secrets
from opportune.store.soundness import check_soundness
from opportune.store.traces import Traces
from opportune.store.work_items import WorkItem, WorkItems, WorkState
from opportune.store.yaml_folder import check_definitions, load_files, load_folder
from opportune.store.yaml_write import document_of, write_folder, yaml_of

__all__ = [
    "EVERYWHERE", "FAMILIES", "WORDS", "ApiKey", "ApprovalDefinition", "ApprovalStep", "ApprovalWhen", "AuditLine", "Change", "Content", "Coupons",
    "DefinitionProblem", "DefinitionStep", "DefinitionStore", "DefinitionVersion", "Definitions", "Depth", "Draft", "DraftMovedError", "DraftState",
    "DraftStep", "Drafts", "DuplicateRun", "Duplicates", "FieldChange", "Fingerprint", "FoundPair", "Inbox", "InboxItem", "InboxState", "Keys",
    "Links", "LoadRow", "Loads", "NewMessage", "Outbox", "OutboxRow", "OutboxState", "PairRow", "PairState", "People", "Place", "Places",
    "PlaybookDraft", "PlaybookRow", "PoolLeft", "ProblemCode", "Quarantined", "Report", "Seal", "SealBrokenError", "Secrets", "Settled",
    "SourceCheck", "Stage", "StepKind", "StoreFailedError", "Traces", "WorkItem", "WorkItems", "WorkState", "check_definitions", "check_references",
    "check_soundness", "copy_database", "did_you_mean", "difference", "document_of", "evidence_text", "fingerprint_of", "load_files", "load_folder",
    "open_database", "playbook_fingerprint", "schema_of", "schema_of_any", "seal_clear_rows", "write_folder", "write_schemas", "written", "yaml_of",
]  # fmt: skip
