"""Ask: what would another deployment's definitions be with ours in them?"""

from collections.abc import Sequence
from pathlib import Path

from opportune.operations.deployment import DeploymentError, journal_of
from opportune.operations.drafting.binding import rests_on
from opportune.operations.lineage import Lineage
from opportune.store import FAMILIES, Definitions, DefinitionStore, did_you_mean

OWN = ("deployment", "approval", "source")
"""What belongs to a deployment itself and is never taken to another."""


def promoted(source: Definitions, target_folder: Path, campaigns: Sequence[str] = ()) -> Definitions:
    """The definitions in force in `target_folder` with those of `source` in their place; of `campaigns` only, these and all that they refer to.

    Whole, the target has then just what the source has, but for OWN; of single campaigns its contact policy stays too, and nothing
    is taken out. Raises DeploymentError for a campaign that is not there.
    """
    journal_of(target_folder)
    store = DefinitionStore(target_folder)
    try:
        after = store.in_force()
    finally:
        store.close()
    if not campaigns:
        for family in FAMILIES:
            if family not in OWN:
                after.of(family).clear()
                after.of(family).update(source.of(family))
        return after
    lineage = Lineage(source)
    for campaign in campaigns:
        if campaign not in source.campaigns:
            raise DeploymentError(f"no campaign `{campaign}`; {did_you_mean(campaign, source.campaigns, 'campaign')}")
        for family, name in rests_on(lineage, campaign):
            if family not in (*OWN, "policy") and name in source.of(family):
                after.of(family)[name] = source.of(family)[name]
    return after
