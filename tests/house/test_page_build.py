"""scripts/build_page.py: the page is built when its sources changed, and only then."""

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


def test_the_lock_file_names_no_registry(root: Path) -> None:
    assert '"resolved": "http' not in (root / "web/package-lock.json").read_text()
