"""Files that nothing asks for any more: left over from a crash, or replaced and old enough that no reader has them open."""

from pathlib import Path

import msgspec

from opportune.warehouse.faults import OnWarehouseFault, WarehouseFault
from opportune.warehouse.manifest import ASIDE, Manifest, now_ms, warehouse_folder, write_manifest

REPLACED_KEPT_MS = 3_600_000
"""So long a query may go on reading files that compaction or retention took out meanwhile."""


def clear_left_over(place: Path, manifest: Manifest) -> int:
    """Delete what a crash left: files that no manifest ever named. Returns how many; for the one writer only."""
    known = {name for part in manifest.parts for name in part.places} | {name for name, _ in manifest.replaced}
    gone = 0
    for pattern in ("*.parquet", "*.npy", f"*{ASIDE}"):
        for path in place.rglob(pattern):
            if str(path.relative_to(place)) not in known:
                path.unlink()
                gone += 1
    return gone


def remove_replaced(
    folder: Path, manifest: Manifest, on_fault: OnWarehouseFault | None, kept_ms: int = REPLACED_KEPT_MS
) -> Manifest:
    """Delete replaced files that are old enough, then strike them out; returns the manifest as it then is."""
    gone = {name for name, at_ms in manifest.replaced if at_ms + kept_ms <= now_ms()}
    if not gone:
        return manifest
    place = warehouse_folder(folder)
    for name in sorted(gone):
        path = place / name
        if path.exists():  # a crash may have come between the removal and the manifest
            path.unlink()
            if on_fault is not None:
                on_fault(WarehouseFault.MID_REMOVAL)
    kept = tuple(one for one in manifest.replaced if one[0] not in gone)
    manifest = msgspec.structs.replace(manifest, replaced=kept)
    write_manifest(folder, manifest)
    return manifest
