"""Matching: which rows are probably the same person. Weights are learnt from the rows themselves, without labels; nothing is written to disk."""

from opportune.intake.matching.clusters import Cluster, clusters_of
from opportune.intake.matching.definitions import MatchingDefinition, read_matching
from opportune.intake.matching.evidence import LEVEL_TEXTS, Evidence, Pair
from opportune.intake.matching.linkage import Linkage, find_pairs
from opportune.intake.matching.normal_forms import normal_form

__all__ = [
    "LEVEL_TEXTS", "Cluster", "Evidence", "Linkage", "MatchingDefinition", "Pair", "clusters_of", "find_pairs",
    "normal_form", "read_matching",
]  # fmt: skip
