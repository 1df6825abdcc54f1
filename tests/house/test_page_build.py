"""scripts/build_page.py: the page is built when its sources changed, and only then; and the first load stays small."""

import gzip
import re
from pathlib import Path

import pytest

from scripts import build_page


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    web, page = tmp_path / "web", tmp_path / "page"
    (web / "src").mkdir(parents=True)
    page.mkdir()
    (web / "package.json").write_text("{}")
    (web / "src/main.ts").write_text("let x = 1;")
    monkeypatch.setattr(build_page, "WEB", web)
    monkeypatch.setattr(build_page, "PAGE", page)
    monkeypatch.setattr(build_page, "DIGEST", page / ".digest")
    return tmp_path


def pretend_to_build(checkout: Path) -> None:
    (checkout / "page/index.html").write_text("<!doctype html>")
    (checkout / "page/.digest").write_text(build_page.digest() + "\n")


def test_a_page_that_was_never_built_is_stale(checkout: Path) -> None:
    assert build_page.is_stale()


def test_a_built_page_is_not_stale(checkout: Path) -> None:
    pretend_to_build(checkout)
    assert not build_page.is_stale()


@pytest.mark.parametrize("path", ["src/main.ts", "src/new.svelte", "package.json", "vite.config.ts", "index.html"])
def test_a_changed_source_makes_the_page_stale(checkout: Path, path: str) -> None:
    pretend_to_build(checkout)
    (checkout / "web" / path).write_text("changed")
    assert build_page.is_stale()


@pytest.mark.parametrize("path", ["src/main.test.ts", "node_modules/a/index.js", "README.md"])
def test_sources_that_are_not_built_do_not_make_it_stale(checkout: Path, path: str) -> None:
    pretend_to_build(checkout)
    (checkout / "web" / path).parent.mkdir(parents=True, exist_ok=True)
    (checkout / "web" / path).write_text("changed")
    assert not build_page.is_stale()


def test_a_built_page_without_sources_is_not_stale(checkout: Path) -> None:
    (checkout / "page/index.html").write_text("<!doctype html>")
    (checkout / "web/package.json").unlink()
    (checkout / "web/src/main.ts").unlink()
    assert not build_page.is_stale()


def test_a_page_that_cannot_be_built_says_so(checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (checkout / "web/package.json").write_text('{"dependencies": {"svelte": "5"}}')
    (checkout / "web/package-lock.json").write_text('{"lockfileVersion": 3, "packages": {}}')
    assert build_page.main([]) == 1
    assert "`npm ci" in capfd.readouterr().err


def first_load(folder: Path) -> list[Path]:
    """The scripts that index.html loads, with all that they import at once."""
    known: dict[str, Path] = {}
    html = (folder / "index.html").read_text(encoding="utf-8")
    wanted = re.findall(r'<script[^>]* src="\./assets/([^"]+)"', html)
    while wanted:
        name = wanted.pop()
        if name not in known:
            known[name] = folder / "assets" / name
            wanted += re.findall(r'(?:from|import)\s*"\./([^"]+\.js)"', known[name].read_text(encoding="utf-8"))
    return list(known.values())


# Nothing is painted before these scripts are loaded, parsed and run: 100 kB are half a second on a phone's 1.6 Mbit/s,
# and about 40 ms of a laptop's processor. What another view, another language or a dialog needs is loaded later.
FIRST_LOAD_BYTES = 100_000


def test_the_scripts_of_the_first_view_stay_small(root: Path) -> None:
    scripts = first_load(root / "src/netscope/show/page")
    assert scripts, "the page is not built: make page"
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in scripts}
    assert sum(sizes.values()) <= FIRST_LOAD_BYTES, f"{sizes}: what is not on the first view belongs to a lazy import"


def test_browsers_are_asked_to_compile_the_first_script_whole(root: Path) -> None:
    page = root / "src/netscope/show/page"
    scripts = {path: path.read_text(encoding="utf-8") for path in (page / "assets").glob("*.js")}
    asked = [path for path, text in scripts.items() if text.startswith("//# allFunctionsCalledOnLoad\n")]
    assert asked == [path for path in first_load(page) if path.name.startswith("index-")]


def test_no_language_but_english_is_part_of_the_first_load(root: Path) -> None:
    first = first_load(root / "src/netscope/show/page")
    languages = {path.stem for path in (root / "web/src/i18n/languages").glob("*.ts")} - {"en"}
    assert languages, "no language was found"
    assert not [path.name for path in first if path.name.partition("-")[0] in languages]


def test_the_lock_file_names_no_registry(root: Path) -> None:
    assert '"resolved": "http' not in (root / "web/package-lock.json").read_text()
