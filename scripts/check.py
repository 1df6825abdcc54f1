"""Run every check of the house side by side with what it found; `make check` calls this.

python scripts/check.py            all of them
python scripts/check.py types ui   some of them, by name
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PYTHON = sys.executable


def npm_run(script: str) -> list[str]:
    """A script of web/package.json."""
    return [PYTHON, "scripts/build_page.py", "npm", "run", "--silent", script]


CHECKS: dict[str, list[str]] = {
    "lint": [str(BIN / "ruff"), "check", "--quiet", "."],
    "format": [str(BIN / "ruff"), "format", "--check", "--quiet", "."],
    "imports": [str(BIN / "lint-imports"), "--no-cache"],
    "dead-code": [PYTHON, "scripts/dead_code.py"],
    "schema": [PYTHON, "scripts/schema_ts.py", "--check"],
    "types": [str(BIN / "mypy")],
    "page-lint": npm_run("lint"),
    "page-types": npm_run("check"),
    "page-tests": npm_run("test"),
}


def run(name: str) -> tuple[str, int, str, float]:
    """One check: its name, exit code, what it said and how many seconds it took."""
    start = time.perf_counter()
    done = subprocess.run(CHECKS[name], cwd=ROOT, capture_output=True, text=True, check=False)
    return name, done.returncode, (done.stdout + done.stderr).strip(), time.perf_counter() - start


def main(names: Sequence[str]) -> int:
    """Run the named checks, or all; 1 if any failed."""
    unknown = set(names) - set(CHECKS)
    if unknown:
        sys.stderr.write(f"no check named {', '.join(sorted(unknown))}; there are: {', '.join(CHECKS)}\n")
        return 2
    failed = []
    with ThreadPoolExecutor(2) as pool:
        for name, code, said, seconds in pool.map(run, names or CHECKS):
            print(f"{'FAILED' if code else 'ok':<7}{name} ({seconds:.1f} s)", flush=True)
            if code:
                failed.append(name)
                print(said, flush=True)
    if failed:
        print(f"{len(failed)} of {len(names or CHECKS)} checks failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
