"""Doors: the command line and HTTP. A door reads the environment, asks an operation and shows the answer; it decides nothing itself."""

from importlib import import_module
from typing import Any

from opportune.entrypoints.cli import app, main

__all__ = ["app", "main", "over_http"]


def __getattr__(name: str) -> Any:
    """The demonstration's client, loaded when it is asked for: it is heavy."""
    if name == "over_http":
        return import_module("opportune.entrypoints.demo_over_http").over_http
    raise AttributeError(name)
