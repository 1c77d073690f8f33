"""The door of HTTP: events come in over the protocols that client libraries speak; people operate intake; loopback by default."""

from opportune.entrypoints.http.app import Application, make_app
from opportune.entrypoints.http.limits import Limits
from opportune.entrypoints.http.serve import ServiceFailedError, is_loopback, listen, serve

__all__ = ["Application", "Limits", "ServiceFailedError", "is_loopback", "listen", "make_app", "serve"]
