"""The Makefile: its targets exist, and without Python 3.11 it says so."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

TARGETS = ["demo", "test", "fuzz", "check", "dev", "bench", "docs", "format", "schema", "screenshot", "pictures"]


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_can_be_made_from_a_fresh_clone(root: Path, tmp_path: Path, target: str) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "hatch_build.py"):
        shutil.copy(root / name, tmp_path)
    for name in ("web/package-lock.json", "benchmarks/requirements.txt"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(root / name, tmp_path / name)
    planned = make(tmp_path, "--dry-run", target)
    assert planned.returncode == 0, planned.stderr
    assert "-m venv .venv" in planned.stdout
    assert "--constraint constraints.txt" in planned.stdout


def test_without_a_suitable_python_make_says_so(root: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "hatch_build.py"):
        shutil.copy(root / name, tmp_path)
    refused = make(tmp_path, "demo", "PYTHON=")
    assert refused.returncode != 0
    assert "needs Python 3.11 or newer" in refused.stderr


def test_help_lists_the_targets(root: Path) -> None:
    said = make(root, "help").stdout
    assert {"demo", "test", "check", "dev", "bench", "docs"} <= set(re.findall(r"make (\w+)", said))


def test_ci_runs_the_checks_and_the_tests(root: Path) -> None:
    script = (root / ".ci/run").read_text(encoding="utf-8")
    assert script.index("make check") < script.index("make test")
    assert "set -euo pipefail" in script
