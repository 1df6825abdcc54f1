"""For all tests: shapes and types of `netscope.analyse` are checked at every call; local settings are ignored."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

os.environ["TRITON_INTERPRET"] = "1"  # Triton reads it as it is imported, which parts of PyTorch do

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

from netscope.record import guard, process_hooks
from tests.fuzzing import IS_FUZZING, examples

ANALYSE = Path(__file__).resolve().parents[1] / "src/netscope/analyse"


def _is_compiled(path: Path) -> bool:
    """Whether a file has compiled functions, which have no Python frame; numba checks their signatures itself."""
    text = path.read_text(encoding="utf-8")
    return "import numba" in text or "import compiled" in text


CHECKED = [
    ".".join(("netscope.analyse", *path.relative_to(ANALYSE).with_suffix("").parts))
    for path in ANALYSE.rglob("[!_]*.py")
    if not _is_compiled(path)
]
install_import_hook(CHECKED, "beartype.beartype")

# A busy machine fails no test (no deadline), and the same examples are tried each time: what `make fuzz` finds is
# committed as an `@example`.
settings.register_profile("test", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile(
    "fuzz", deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(100), print_blob=True
)
settings.load_profile("fuzz" if IS_FUZZING else "test")

# Child processes inherit an ignored signal. Under `nohup` or in the background of a shell SIGINT is ignored, and the
# tests that interrupt a child would wait forever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

KEPT = {"NETSCOPE_BROWSER", "NETSCOPE_PICTURES", "NETSCOPE_FUZZ"}  # of the tests themselves
for name in [name for name in os.environ if name.startswith("NETSCOPE_") and name not in KEPT]:
    del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers must agree on the names of the tests, so none may contain the address of an object."""
    if named := [item.nodeid for item in items if " at 0x" in item.nodeid]:
        raise pytest.UsageError(f"the name of a test changes with every run: {named[0]}; give it ids=")


@pytest.fixture
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def no_run_of_a_test_outlives_it() -> Iterator[None]:
    """End leftover runs, which the next run would abandon, and reset warnings that are given once."""
    before = list(process_hooks.active_runs())
    guard.forget_warnings()
    yield
    for run in process_hooks.active_runs():
        if run not in before:
            run.finish_at_exit()
