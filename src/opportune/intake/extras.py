"""Optional libraries: loaded when a definition needs one, and its absence answered with the line that installs it."""

import importlib
from typing import Any


class ExtraMissingError(ImportError):
    """A library is not installed; says how to install it."""


def extra(module: str, name: str) -> Any:
    """An optional module of the extra `name`. Raises ExtraMissingError."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExtraMissingError(
            f"this needs {module}, which is not installed; run: pip install 'opportune[{name}]'"
        ) from error
