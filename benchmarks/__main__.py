"""Run every benchmark here, one after the other, and write benchmarks/RESULTS.md: ratios first, then every figure.

    python -m benchmarks                       all of them
    python -m benchmarks log_cost serve_series some of them; what RESULTS.md says of the others stays
    python -m benchmarks --list                what there is

A benchmark is a module with `--json FILE`. Its docstring is the method. Its result is a dictionary: where a level has a
"netscope" its dictionaries are subjects, one row each; a "ratios" beside them says how many times better we are.
"""

from __future__ import annotations

import argparse
import ast
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
KEPT = HERE / "results"  # one JSON a benchmark, so that one can be run again alone
NAMES = (
    "log_cost",
    "console_cost",
    "lost_on_kill",
    "watch_cost",
    "watch_deep",
    "open_deep",
    "open_model",
    "run_values",
    "show_weights",
    "watch_gpu",
    "store_cost",
    "resume_cost",
    "serve_series",
    "smooth_cost",
    "draw_charts",
    "draw_body",
    "draw_graph",
)
PACKAGES = (
    "netscope", "torch", "numpy", "tensorboard", "tensorboardX", "wandb", "trackio", "netron", "ai-edge-model-explorer",
)  # fmt: skip


def machine() -> str:
    """What it was measured on."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [
            line.split(":", 1)[1] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
        ]
        cpu = names[0].strip() if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}; load average at the start {load}"
    )


def versions() -> str:
    """Of netscope and its peers, where installed."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{package} not installed")
    return ", ".join(found)


def run(name: str) -> None:
    """One benchmark in a process of its own; its JSON is kept with when and where."""
    began = time.time()
    with tempfile.TemporaryDirectory() as place:
        target = Path(place) / "result.json"
        about = {
            "machine": machine(),
            "versions": versions(),
            "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime(began)),
        }
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), "--json", str(target)], check=True)
        result = json.loads(target.read_text(encoding="utf-8"))
    KEPT.mkdir(exist_ok=True)
    whole = {**about, "took_s": round(time.time() - began), "result": result}
    (KEPT / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def figure(value: Any) -> str:
    """A number with three digits that count."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("|", "\\|").replace("\n", " ")
    if value != value or abs(value) >= 1000 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def flat(value: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves with the names on the way to them."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield from flat(part, f"{before}{name} ")
        else:
            yield f"{before}{name}".replace("_", " "), part


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown of rows that share most of their columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[figure(row[name]) if name in row else "" for name in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def render(result: Any, title: str = "") -> Iterator[str]:
    """A result as tables with headings."""
    if isinstance(result, list) and not any(isinstance(row, dict) for row in result):
        yield f"{title}: {', '.join(map(figure, result))}\n" if result else ""
    elif isinstance(result, list):
        yield f"{title}\n\n{table([dict(flat(row)) for row in result])}" if result else ""
    elif "netscope" in result and isinstance(result["netscope"], dict):
        given = {name: part for name, part in result.items() if not isinstance(part, dict)}
        given |= dict(flat(result.get("set", {})))
        said = ", ".join(f"{name} {figure(part)}" for name, part in given.items() if not isinstance(part, list))
        subjects = {n: p for n, p in result.items() if isinstance(p, dict) and n not in ("set", "ratios")}
        yield f"{title}{': ' if title and said else ''}{said}\n\n"
        yield table([{"": name, **dict(flat(part))} for name, part in subjects.items()])
    elif any(isinstance(part, dict | list) for part in result.values()):
        for name, part in result.items():
            if isinstance(part, dict | list) and name != "ratios":
                yield from render(part, f"\n**{title} {name}**".replace("** **", " ").replace("** ", "**"))
        rest = {name: part for name, part in result.items() if not isinstance(part, dict | list)}
        yield f"\n{table([rest])}" if rest else ""
    else:
        yield f"{title}\n\n{table([dict(flat(result))])}"


def ratios(result: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """Every "ratios" in a result, with the way to it."""
    if isinstance(result, dict):
        for name, part in result.items():
            if name == "ratios" and isinstance(part, dict):
                yield {"": path.strip(), **dict(flat(part))}
            else:
                yield from ratios(part, f"{path} {name}")


def document() -> str:
    """RESULTS.md, from what is kept."""
    parts = [
        "# Benchmarks\n\nnetscope and its peers side by side, each pair in one run on one machine. "
        "`make bench` makes this page again; `make bench ARGS=log_cost` one part of it.\n",
    ]
    kept = [
        (name, json.loads((KEPT / f"{name}.json").read_text())) for name in NAMES if (KEPT / f"{name}.json").exists()
    ]
    parts.append("\n## How many times better\n")
    for name, whole in kept:
        rows = list(ratios(whole["result"]))
        if rows:
            parts.append(f"\n**{name}**\n\n{table(rows)}")
    for name, whole in kept:
        docstring = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or name
        first, _, method = docstring.partition("\n")
        usage, rest = [], []
        for line in method.strip().splitlines():
            (usage if line.startswith("    ") else rest).append(line)
        parts.append(f"\n## {first.rstrip('.')}\n\n" + "\n".join(rest).strip() + "\n\n")
        parts.extend(render(whole["result"]))
        parts.append(
            f"\nMeasured {whole['date']} UTC in {whole['took_s']} s on {whole['machine']}; {whole['versions']}.\n"
        )
        if usage:
            parts.append("\n```sh\n" + "\n".join(line.strip() for line in usage) + "\n```\n")
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which; all if none is named")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write-only", action="store_true", help="run nothing, write RESULTS.md from what is kept")
    options = parser.parse_args()
    there = [name for name in NAMES if (HERE / f"{name}.py").exists()]
    if options.list:
        print("\n".join(there))
        return
    unknown = set(options.names) - set(there)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(there)}")
    failed = []
    for name in [] if options.write_only else options.names or there:
        print(f"== {name}", flush=True)
        try:
            run(name)
        except subprocess.CalledProcessError as error:
            failed.append(f"{name} ended with code {error.returncode}")
        RESULTS.write_text(document(), encoding="utf-8")
    RESULTS.write_text(document(), encoding="utf-8")
    if failed:
        sys.exit("; ".join(failed))


if __name__ == "__main__":
    main()
