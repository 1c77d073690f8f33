"""Other rule engines, given the campaigns of the workload: each says which campaigns an event matches. Only for matching.py."""

from benchmarks.peers.contexts import Context, Matcher, Peer, Value, fields_of
from benchmarks.peers.drools import Drools
from benchmarks.peers.engines import PEERS

__all__ = ["PEERS", "Context", "Drools", "Matcher", "Peer", "Value", "fields_of"]
