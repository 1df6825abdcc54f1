"""Find functions, classes and imports that nothing uses (vulture), leaving out what is used from outside.

Fields of structs, test functions and attributes set for a library are not looked at: vulture cannot see their use.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vulture import Vulture  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[1]
USERS = ("src", "scripts", "tests", "benchmarks", "hatch_build.py")
KINDS = ("function", "method", "class", "property", "import", "unreachable_code")
CALLED_BY_OTHERS = [
    "test_*",  # pytest
    "pytest_*",
    "visit_*",  # ast.NodeVisitor
    "PageHook",  # hatchling
    "dependencies",
    "initialize",
    "_repr_html_",  # notebooks
    "_repr_mimebundle_",
    "to_*",  # conversions people call
    "readable",  # io.RawIOBase
    "seekable",
    "readinto",
    "__getattr__",  # of a module
    "__dir__",
]


def unused() -> list[str]:
    """What no file names, one line each."""
    finder = Vulture(ignore_names=CALLED_BY_OTHERS, ignore_decorators=["@pytest.fixture*", "@app.*", "@*event.*"])
    finder.scavenge([str(ROOT / name) for name in USERS if (ROOT / name).exists()], exclude=["*/.venv/*"])
    found = finder.get_unused_code(min_confidence=60)
    inside = (item for item in found if item.typ in KINDS and (ROOT / "tests") not in Path(item.filename).parents)
    return [item.get_report().replace(f"{ROOT}/", "") for item in inside]


if __name__ == "__main__":
    lines = unused()
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(1 if lines else 0)
