"""Capture the environment of a run: machine, Python, packages, command and git state, without secrets.

Environment variables are never recorded. Called once, on the run's background thread.
"""

from __future__ import annotations

import itertools
import math
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from netscope.record import guard
from netscope.record.capture.container import Container, cpus
from netscope.record.capture.gpus import Gpus
from netscope.schema.run import Environment
from netscope.store.journal import host

REDACTED = "***"
_SECRET_WORDS = frozenset(
    "password passwd passphrase pwd secret token apikey credential credentials auth authorization bearer".split()
)
_SECRET_PAIRS = (("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("auth", "key"))
_URL_USER = re.compile(r"(?<=://)[^/\s@]+@")
_KNOWN_TOKEN = re.compile(
    r"\b(?:hf_|ghp_|gho_|ghs_|github_pat_|glpat-|sk-|xox[abpr]-|AKIA|wandb_v1_)[A-Za-z0-9_\-]{12,}|\beyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-.]{10,}"
)
_GIT_S = 5.0

T = TypeVar("T")


def capture() -> Environment:
    """Capture everything; fields that cannot be determined stay empty."""
    container = Container()
    host_bytes = _or_default(_memory, 0)
    limit = _or_default(lambda: container.memory(host_bytes), None)
    n_cpus = _or_default(lambda: len(cpus()), 0)
    quota = _or_default(container.cpu_limit, None)
    cpu_limit = quota if quota is not None and quota < n_cpus else 0.0
    directory = _or_default(os.getcwd, "")
    nothing: dict[str, str] = {}
    source = _or_default(lambda: git(_folder(directory)), nothing)
    return Environment(
        host=_or_default(host.host, ""),
        os=_or_default(platform.platform, ""),
        python=platform.python_version(),
        executable=sys.executable or "",
        command=_or_default(lambda: shlex.join(redact(getattr(sys, "orig_argv", sys.argv))), ""),
        directory=directory,
        cpu=_or_default(_cpu, ""),
        cpu_count=math.ceil(cpu_limit) or n_cpus,
        cpu_limit=cpu_limit,
        memory_bytes=limit.limit if limit else host_bytes,
        memory_limit_bytes=limit.limit if limit else 0,
        gpus=_or_default(lambda: Gpus().names(), []),
        git_commit=source.get("commit", ""),
        git_branch=source.get("branch", ""),
        git_remote=without_user(source.get("remote", "")),
        git_dirty=bool(source.get("changes")),
        packages=_or_default(lambda: packages(sys.path), {}),
    )


def _or_default(ask: Callable[[], T], otherwise: T) -> T:
    """Return `ask()`, or `otherwise` (without a warning) if the system hides it, as sandboxes do."""

    def answer() -> T:
        try:
            return ask()
        except (OSError, NotImplementedError):
            return otherwise

    return guard.attempt("capturing the environment", answer, otherwise)


def _folder(directory: str) -> Path:
    """The folder of the source: that of the script, or the working directory."""
    script = Path(getattr(sys.modules.get("__main__"), "__file__", None) or ".")
    return script.absolute().parent if script.is_file() else Path(directory)


def redact(arguments: Iterable[str]) -> list[str]:
    """Replace secrets in command line arguments.

    >>> redact(["train.py", "--api-key", "abc", "--lr=0.1", "db.password=x", "s3://me:pw@host/d"])
    ['train.py', '--api-key', '***', '--lr=0.1', 'db.password=***', 's3://***@host/d']
    """
    found: list[str] = []
    is_next_secret = False
    for argument in arguments:
        name, mark, _ = argument.partition("=")
        if is_next_secret and not argument.startswith("-"):
            found.append(REDACTED)
        elif mark and _is_secret(name):
            found.append(f"{name}={REDACTED}")
        else:
            found.append(_KNOWN_TOKEN.sub(REDACTED, _URL_USER.sub(f"{REDACTED}@", argument)))
        is_next_secret = not mark and argument.startswith("-") and " " not in argument and _is_secret(argument)
    return found


def without_user(url: str) -> str:
    """A remote's URL without user name and password; `git@host:path` contains neither."""
    return _URL_USER.sub("", url)


def git(folder: Path) -> dict[str, str]:
    """Commit, branch, remote and changed files of the repository that contains `folder`; {} if there is none."""
    status = _ask_git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    heads = dict(line[2:].split(" ", 1) for line in status.splitlines() if line.startswith("# branch."))
    if not heads:
        return {}
    return {
        "commit": heads.get("branch.oid", "").replace("(initial)", ""),
        "branch": heads.get("branch.head", "").replace("(detached)", ""),
        "remote": _ask_git(folder, "config", "--get", "remote.origin.url").strip(),
        "changes": "\n".join(line for line in status.splitlines() if not line.startswith("#")),
    }


def _ask_git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=_GIT_S,
            # Take no lock in the user's repository, and do not prompt for a password.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if not done.returncode else ""


def packages(path: Iterable[str]) -> dict[str, str]:
    """Installed packages and versions, from the names of their metadata folders: 100 times faster than reading them."""
    found: dict[str, str] = {}
    for place in path:
        try:
            with os.scandir(place or ".") as entries:
                names = [entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
        except OSError:
            continue
        for name in names:
            package, mark, version = name.rpartition(".")[0].partition("-")
            if mark:
                found.setdefault(package.replace("_", "-").lower(), version.partition("-py")[0])
    return dict(sorted(found.items()))


def _is_secret(name: str) -> bool:
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()) if word]
    return not _SECRET_WORDS.isdisjoint(words) or any(pair in _SECRET_PAIRS for pair in itertools.pairwise(words))


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int:
    """Main memory in bytes."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    import psutil  # noqa: PLC0415  # takes 20 ms, needed only on Windows

    return int(psutil.virtual_memory().total)
