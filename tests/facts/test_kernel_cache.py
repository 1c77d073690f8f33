"""The cache of compiled kernels is named by the rooms that have some: no other room may have any."""

import re
from pathlib import Path

import opportune
from opportune.facts.compiled import KERNEL_ROOMS

PACKAGE = Path(opportune.__file__).parent


def test_kernel_functions_live_in_the_rooms_that_name_the_cache() -> None:
    kernel = re.compile(r"^@?compiled(_leaf)?\b|= (compiled|compiled_leaf|table|pointed)\(", re.MULTILINE)
    rooms = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if kernel.search(path.read_text()) or re.search(r"^@compiled", path.read_text(), re.MULTILINE)
    }
    assert rooms <= set(KERNEL_ROOMS)
    assert "engine" in rooms
