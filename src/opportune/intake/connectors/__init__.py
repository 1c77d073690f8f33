"""Connectors: fetching rows from where a source has them, each behind what it fetched before."""

from collections.abc import Iterator

from opportune.intake.connectors.api import fetch_api
from opportune.intake.connectors.database import fetch_database
from opportune.intake.connectors.fetching import Fetch, FetchFailedError, Reach, State
from opportune.intake.connectors.files import fetch_files
from opportune.intake.connectors.pages import fetch_pages
from opportune.intake.mappings import SourceDefinition
from opportune.intake.origins import ApiDefinition, DatabaseDefinition, FileDefinition

__all__ = ["Fetch", "FetchFailedError", "Reach", "State", "fetch"]


def fetch(source: SourceDefinition, state: State, reach: Reach) -> Iterator[Fetch]:
    """What is new of a source behind `state`; each fetch is to be read to its end before the next is asked for.

    Raises FetchFailedError, ValueError where the definition or a file is wrong, ExtraMissingError.
    """
    origin = source.origin()
    match origin:
        case FileDefinition():
            return fetch_files(origin, state, reach)
        case DatabaseDefinition():
            return fetch_database(origin, state, reach)
        case ApiDefinition():
            return fetch_api(origin, state, reach)
    return fetch_pages(origin, state, reach)
