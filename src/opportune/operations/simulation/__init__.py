"""Simulating: a past period of the journal, run again through the whole portfolio with a draft in it, and compared with what happened.

period -> contacts_then (what answers to what) -> run -> tally, displaced -> report
"""

from opportune.operations.simulation.asks import (
    SimulationState, fingerprint_text, report_digest, report_key, simulate, simulation_report, simulations,
)  # fmt: skip
from opportune.operations.simulation.report import SimulationReport, uncertain

__all__ = [
    "SimulationReport", "SimulationState", "fingerprint_text", "report_digest", "report_key", "simulate", "simulation_report", "simulations", "uncertain",
]  # fmt: skip
