"""A made-up mobile operator's customers, hour by hour: events out, decisions in, and a truth kept aside to check effects against."""

from opportune.operations.telecom_world.campaigns import CAMPAIGNS, OFFERS
from opportune.operations.telecom_world.names import TOUCHPOINTS
from opportune.operations.telecom_world.response import DecisionView, view_decisions
from opportune.operations.telecom_world.world import CUSTOMERS_MAX, DAYS_MAX, World

__all__ = [
    "CAMPAIGNS",
    "CUSTOMERS_MAX",
    "DAYS_MAX",
    "OFFERS",
    "TOUCHPOINTS",
    "DecisionView",
    "World",
    "view_decisions",
]
