"""Doors: the command line. A door reads the environment, asks an operation and shows the answer; it decides nothing itself."""

from opportune.entrypoints.cli import app, main

__all__ = ["app", "main"]
