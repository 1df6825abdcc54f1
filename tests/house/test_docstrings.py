"""Every example in a docstring of netscope runs in a temporary folder, with warnings as errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
MODULES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if "\n    >>> " in (text := path.read_text(encoding="utf-8")) or "\n>>> " in text
)
RUN_ALL = """
import doctest, importlib, json, sys, traceback
found = {}
for name in sys.argv[1:]:
    said = []
    runner = doctest.DocTestRunner()
    try:
        for test in doctest.DocTestFinder().find(importlib.import_module(name)):
            runner.run(test, out=said.append)
    except ImportError:
        said.append(traceback.format_exc())
    found[name] = [runner.tries, "".join(said)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Per module: how many examples ran, and what failed. One process, because importing is most of the time."""
    command = [sys.executable, "-W", "error", "-c", RUN_ALL, *MODULES]
    folder = tmp_path_factory.mktemp("docstrings")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, tuple[int, str]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_pass(module: str, results: dict[str, tuple[int, str]]) -> None:
    tries, said = results[module]
    assert said == ""
    assert tries > 0
