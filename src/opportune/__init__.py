"""Opportune: customer events in, governed marketing decisions out, measured honestly."""

__version__ = "0.1.0"
