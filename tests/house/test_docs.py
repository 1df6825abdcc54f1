"""Every Python example in the README and docs runs; every command in them exists, with its options."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FOREIGN = {"cd", "git", "pip", ".venv/bin/python", "torchrun", "docker", "ssh"}  # not ours to test


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str


def blocks(language: str) -> list[Block]:
    """All blocks in a language."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            if match[1] == language:
                found.append(Block(page, text[: match.start()].count("\n") + 1, match[1], match[2]))
    return found


def name(block: Block) -> str:
    return f"{block.page.name}:{block.line}"


@pytest.mark.parametrize("page", sorted({block.page for block in blocks("python")}), ids=lambda page: page.name)
def test_the_examples_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    for block in blocks("python"):
        if block.page == page:
            command = [sys.executable, "-W", "error", "-c", block.text]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"line {block.line}\n{done.stderr}"


def commands() -> list[tuple[str, list[str]]]:
    """Every line of every shell block, as words."""
    found = []
    for block in blocks("sh"):
        for line in block.text.splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words:
                    found.append((name(block), words))
    return found


@pytest.mark.parametrize(("place", "words"), commands(), ids=lambda value: value if isinstance(value, str) else None)
def test_a_command_exists(place: str, words: list[str]) -> None:
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert set(words[1:]) - {word for word in words if "=" in word} <= set(targets)
    elif words[0] == "netscope":
        command = [sys.executable, "-m", "netscope.cli", *words[1:2], "--help"]
        if not re.fullmatch(r"[a-z][a-z-]*", words[1] if len(words) > 1 else ""):
            command = [sys.executable, "-m", "netscope.cli", "--help"]
        help_text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for option in (word.partition("=")[0] for word in words if word.startswith("--")):
            assert option in help_text, f"{place}: no {option}"
    else:
        assert words[0] in FOREIGN, f"{place}: unknown command {words[0]!r}"


def test_there_are_examples() -> None:
    assert len(blocks("python")) >= 10
    assert len(commands()) >= 5


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs").glob("*.md") if f": {page.name}" not in navigation] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_a_link_within_the_repository_exists(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "api/index.html").exists()
