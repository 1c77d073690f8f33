"""A user's mistake is told in one message (place, cause, fix) on stderr with exit code 1; only our own mistakes show a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

EXIT_MISTAKE = 1
EXIT_INTERRUPTED = 130


class MistakeError(Exception):
    """What the user asked for cannot be done; says why and what to do."""


class Commands(TyperGroup):
    """The group of all commands; what they raise of a user's mistakes is told here, once."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            complain(
                "stopped; what was acknowledged is kept, and an import goes on where it was when it is started again"
            )
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except Exception as error:
            told = message_of(error)
            if told is None:
                raise
            complain(told)
            raise typer.Exit(EXIT_MISTAKE) from error


def complain(message: str) -> None:
    """One message on stderr."""
    print(message, file=sys.stderr)


def message_of(error: Exception) -> str | None:
    """The words of an error that the user can mend, or None for one that is ours."""
    if isinstance(error, MistakeError):
        return f"error: {error}"
    if isinstance(error, BrokenPipeError):
        return None
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename is not None else ""
        return f"error: {place}{error.strerror or error}" if error.errno is not None else f"error: {error}"
    if "opportune.operations" not in sys.modules:
        return None
    from opportune.engine import CapacityError
    from opportune.journal import JournalError, JournalLocked
    from opportune.operations import ApprovalNeededError, DefinitionsRefusedError, DeploymentError
    from opportune.operations.drafting import DraftRefusedError
    from opportune.warehouse import WarehouseError

    if isinstance(error, DefinitionsRefusedError):
        many = len(error.problems)
        return f"{error}\n{many} problem{'s' if many > 1 else ''}; nothing was changed"
    if isinstance(error, JournalLocked):
        return f"error: {error}; stop the other process, or choose another --folder"
    if isinstance(
        error, DeploymentError | JournalError | CapacityError | WarehouseError | ApprovalNeededError | DraftRefusedError
    ):
        return f"error: {error}"
    return None


@contextmanager
def as_mistake(place: str) -> Iterator[None]:
    """What reading the user's own files raises (a wrong format, a number too large) is the user's to mend."""
    try:
        yield
    except (ValueError, OverflowError, EOFError) as error:
        raise MistakeError(f"{place}: {error}") from error
