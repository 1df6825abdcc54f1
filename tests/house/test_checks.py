"""Every check of `make check` works: each test plants one violation in a copy of the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
LINT_IMPORTS = [str(BIN / "lint-imports"), "--no-cache"]
RUFF = [str(BIN / "ruff"), "check", "--no-cache", "--output-format=concise", "."]


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of what the checks read, without build outputs."""
    for name in ("src", "scripts"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("page", "__pycache__"))
    shutil.copy(root / "pyproject.toml", tmp_path)
    shutil.copy(root / "hatch_build.py", tmp_path)
    return tmp_path


def plant(copy: Path, path: str, text: str) -> None:
    """Append `text` to a file, which is created if it is new."""
    file = copy / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as end:
        end.write(text)


def run(copy: Path, command: list[str]) -> tuple[int, str]:
    """Exit code and all output, with the copy's netscope first on the path."""
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_copy_itself_passes(copy: Path) -> None:
    assert run(copy, LINT_IMPORTS)[0] == 0
    assert run(copy, RUFF) == (0, "All checks passed!\n")


@pytest.mark.parametrize(
    ("path", "text", "contract"),
    [
        ("src/netscope/store/planted.py", "import netscope.show\n", "every import points down"),
        ("src/netscope/schema/noun.py", "\nimport netscope.store\n", "every import points down"),
        ("src/netscope/analyse/planted.py", "import netscope.store.index.codec\n", "every import points down"),
        ("src/netscope/misc/__init__.py", "", "every import points down"),
        ("src/netscope/store/journal/planted.py", "import netscope.store.read.summary_reader\n", "floors of the store"),
        ("src/netscope/record/media/planted.py", "import netscope.record.session\n", "floors of the SDK"),
        ("src/netscope/analyse/planted.py", "import torch\n", "analyse has no I/O"),
        ("src/netscope/analyse/planted.py", "from pathlib import Path\n", "analyse has no I/O"),
        ("src/netscope/record/planted.py", "def send():\n    import http.client\n", "only show speaks HTTP"),
        ("src/netscope/show/planted.py", "import torch\n", "know no framework"),
    ],
)
def test_an_import_against_the_rules_is_found(copy: Path, path: str, text: str, contract: str) -> None:
    plant(copy, path, text)
    code, said = run(copy, LINT_IMPORTS)
    assert code != 0
    broken = [line for line in said.splitlines() if contract in line and "KEPT" not in line]
    assert broken or (path.startswith("src/netscope/misc") and "misc" in said), said


def test_an_import_cycle_inside_a_package_is_found(copy: Path) -> None:
    plant(copy, "src/netscope/show/one.py", "import netscope.show.two\n")
    plant(copy, "src/netscope/show/two.py", "import netscope.show.one\n")
    code, said = run(copy, LINT_IMPORTS)
    assert code != 0
    assert "rooms have no circles inside BROKEN" in said


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("def hidden():\n    import json\n\n    return json\n", "PLC0415"),
        ('import importlib\n\nimportlib.import_module("netscope.show")\n', "TID251"),
        ('print("hello")\n', "T201"),
        ("try:\n    x = 1\nexcept Exception:\n    x = 2\n", "BLE001"),
        ("import pickle\n\nx = pickle.loads(b'')\n", "S301"),
        ("import json\n", "F401"),
        ("def f(x=[]):\n    return x\n", "B006"),
        ("def f():\n    return 1\n", "D103"),
        ("x = 1  # type: ignore\n", "PGH003"),
    ],
)
def test_code_against_the_rules_is_found(copy: Path, text: str, rule: str) -> None:
    plant(copy, "src/netscope/store/planted.py", f'"""Planted."""\n\n{text}')
    code, said = run(copy, RUFF)
    assert code != 0
    assert "planted.py" in said and rule in said


def test_unformatted_code_is_found(copy: Path) -> None:
    plant(copy, "src/netscope/store/planted.py", '"""Planted."""\n\nx = { "a":1 }\n')
    code, said = run(copy, [str(BIN / "ruff"), "format", "--no-cache", "--check", "src/netscope/store/planted.py"])
    assert code != 0
    assert "planted.py" in said


def test_a_wrong_type_is_found(copy: Path) -> None:
    plant(copy, "src/netscope/errors.py", "\n\ndef planted(n: int) -> str:\n    return n\n")
    code, said = run(copy, [str(BIN / "mypy"), "--cache-dir", os.devnull, "src/netscope/errors.py"])
    assert code != 0
    assert "[return-value]" in said


def test_a_missing_type_is_found(copy: Path) -> None:
    plant(copy, "src/netscope/errors.py", "\n\ndef planted(n):\n    return n\n")
    code, said = run(copy, [str(BIN / "mypy"), "--cache-dir", os.devnull, "src/netscope/errors.py"])
    assert code != 0
    assert "[no-untyped-def]" in said


def test_an_outdated_generated_schema_is_found(copy: Path, root: Path) -> None:
    shutil.copytree(root / "web/src/api", copy / "web/src/api")
    check = [sys.executable, "scripts/schema_ts.py", "--check"]
    assert run(copy, check)[0] == 0
    plant(copy, "src/netscope/schema/run.py", '\n\nclass Planted(Noun):\n    """New."""\n\n    x: int\n')
    code, said = run(copy, check)
    assert code == 1
    assert "make schema" in said


def test_an_unused_function_is_found(copy: Path) -> None:
    plant(copy, "src/netscope/store/planted.py", '"""Planted."""\n\n\ndef forgotten() -> None:\n    """Forgotten."""\n')
    code, said = run(copy, [sys.executable, "scripts/dead_code.py"])
    assert code == 1
    assert "unused function 'forgotten'" in said


@pytest.mark.parametrize(
    ("path", "text", "command", "said_then"),
    [
        ("src/api/planted.ts", "const x: number = 'one';\nexport default x;\n", "check", "planted.ts"),
        (
            "src/api/planted.test.ts",
            "import { expect, test } from 'vitest';\ntest('one is two', () => expect(1).toBe(2));\n",
            "test",
            "one is two",
        ),
    ],
)
def test_an_error_in_the_page_is_found(
    root: Path, tmp_path: Path, path: str, text: str, command: str, said_then: str
) -> None:
    code, said = check_page(root, tmp_path, {path: text}, command)
    assert code != 0
    assert said_then in said


def test_an_upward_or_sideways_import_in_the_page_is_found(root: Path, tmp_path: Path) -> None:
    planted = {
        "src/views/planted.ts": "export {};\n",
        "src/chart/planted.ts": "import '../views/planted';\n",
        "src/views/runs/planted.ts": "import '../planted';\n",
        "src/state/planted.ts": "void import('../views/planted');\n",
    }
    code, said = check_page(root, tmp_path, planted, "lint")
    assert code != 0
    assert "chart must not import views: imports point down" in said
    assert "A view must not import another view" in said
    assert "A lazy import stays in its folder" in said


def check_page(root: Path, tmp_path: Path, planted: dict[str, str], command: str) -> tuple[int, str]:
    """Run an npm command of the page on a copy of it with more files."""
    web = tmp_path / "web"
    shutil.copytree(root / "web", web, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (web / "node_modules").symlink_to(root / "web/node_modules")
    shutil.copytree(root / "scripts", tmp_path / "scripts")
    for path, text in planted.items():
        plant(web, path, text)
    extra = ["--", *planted] if command != "check" else []
    return run(tmp_path, [sys.executable, "scripts/build_page.py", "npm", "run", command, *extra])


def test_exception_is_caught_in_one_place_only(root: Path) -> None:
    blind = re.compile(r"except Exception\b|suppress\((Base)?Exception\b|except\s*:")
    source = root / "src/netscope"
    found = [file.relative_to(source) for file in source.rglob("*.py") if blind.search(file.read_text("utf-8"))]
    assert found == [Path("record/guard.py")]
