"""What a person or a clock can ask of a deployment: init, publish, import, replay, explain, report; one file per ask."""

from opportune.operations.accounting import Accounting, SourceAccount
from opportune.operations.deployment import (
    Deployment,
    DeploymentError,
    create_deployment,
    journal_of,
    open_deployment,
    read_group,
)
from opportune.operations.imports import Imported, import_ndjson, import_sources, sources_of
from opportune.operations.ingest import Ingested, ingest, pieces
from opportune.operations.publish import (
    Publication,
    DefinitionsRefusedError,
    compile_playbook,
    preview_changes,
    publish,
    read_definitions,
)
from opportune.operations.replay import Replayed, replay

__all__ = [
    "Accounting",
    "DefinitionsRefusedError",
    "Deployment",
    "DeploymentError",
    "Imported",
    "Ingested",
    "Publication",
    "Replayed",
    "SourceAccount",
    "compile_playbook",
    "create_deployment",
    "import_ndjson",
    "import_sources",
    "ingest",
    "journal_of",
    "open_deployment",
    "pieces",
    "preview_changes",
    "publish",
    "read_definitions",
    "read_group",
    "replay",
    "sources_of",
]
