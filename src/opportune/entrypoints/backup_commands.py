"""Commands that copy a data folder whole: backup, beside a running service, and restore."""

from pathlib import Path
from typing import Annotated

import typer

from opportune.entrypoints.options import DEFAULT_FOLDER, AsJson, Folder, Lang, Language
from opportune.entrypoints.tables import progress, show_json
from opportune.entrypoints.words import word


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="The folder to be made.")],
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Copy the data folder into TARGET, while a service runs on it or not. The copy is as private as the folder is."""
    from opportune.operations import backup as make

    with progress(word("copying", lang)) as step:
        manifest = make(folder, target, lambda what, done, total: step(done, total, what))
    _tell(target, manifest.files, as_json=as_json, lang=lang)


def restore(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="A folder that `backup` made.")],
    folder: Folder = DEFAULT_FOLDER,
    as_json: AsJson = False,
    lang: Language = Lang.EN,
) -> None:
    """Copy a backup into a new data folder, after every file is found to be whole."""
    from opportune.operations import restore as make

    with progress(word("copying", lang)) as step:
        manifest = make(source, folder, lambda what, done, total: step(done, total, what))
    _tell(folder, manifest.files, as_json=as_json, lang=lang)


def _tell(place: Path, files: dict[str, tuple[int, str]], *, as_json: bool, lang: Lang) -> None:
    size = sum(size for size, _ in files.values())
    if as_json:
        show_json({"folder": str(place), "files": len(files), "bytes": size})
    else:
        print(f"{place}: {len(files):,} {word('files', lang)}, {size:,} {word('bytes', lang)}")
