"""Where the examples' definitions are: inside the installed package, or at the root of a checkout."""

from pathlib import Path


def examples_folder(name: str) -> Path:
    """The folder of one example. Raises FileNotFoundError where neither the package nor the checkout has it."""
    package = Path(__file__).parents[1]
    for root in (package / "examples", package.parents[1] / "examples"):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"the example `{name}` is neither in the package nor beside it; run from a checkout")
