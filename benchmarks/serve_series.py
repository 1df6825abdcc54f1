"""One chart's data over HTTP: netscope and TensorBoard with its data server, on the same points, in the same run.

    python benchmarks/serve_series.py [--sets A,B,C] [--seconds 8] [--connections 8] [--json results.json]

Sets: A 1 run x 10 keys x 100,000 steps; B 100 x 10 x 1,000; C 1,000 x 5 x 1,000. A chart is one key of all runs.
*First* is one request for a key that was never asked for, to a server that has read everything (median of the keys).
*Fresh* load asks every time for another window, so that nothing can come from a cache of replies; *repeated* load asks
for the same chart again, as many open pages do. TensorBoard keeps no replies, so it has one load. Clients are threads
with kept-alive connections. Memory is the proportional set size of all of a server's processes, after everything.
TensorBoard sends at most 1,000 points a series, picked at random; netscope two a pixel, its extremes.
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import psutil
import zstandard

from benchmarks import make_runs, tfevents


class Set(NamedTuple):
    """A data set, and how wide its chart is."""

    runs: int
    keys: int
    steps: int
    px: int


SETS = {"A": Set(1, 10, 100_000, 400), "B": Set(100, 10, 1000, 400), "C": Set(1000, 5, 1000, 200)}
PATIENCE_S = 300.0
Ask = Callable[[int], tuple[str, bytes, dict[str, str]]]
"""Number of a request -> path, body, headers."""


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def make_events(folder: Path, size: Set) -> None:
    """The points of make_runs as event files."""
    keys = make_runs.key_names(size.keys)
    for number in range(size.runs):
        random = np.random.default_rng((0, number))
        values = make_runs.curves(keys, size.steps, {"lr": 0.01}, random)
        times = make_runs.BEGAN + 600.0 * number + np.arange(size.steps) * make_runs.STEP_S
        tfevents.write(folder / f"run-{number:04d}" / f"events.out.tfevents.{int(times[0])}.made", keys, times, values)


@contextmanager
def process(command: list[str]) -> Iterator[psutil.Process]:
    """A server with its children, ended afterwards."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        yield psutil.Process(server.pid)
    finally:
        family = [*psutil.Process(server.pid).children(recursive=True)] if server.poll() is None else []
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
        for child in family:
            if child.is_running():
                child.terminate()


def request(connection: http.client.HTTPConnection, asked: tuple[str, bytes, dict[str, str]]) -> bytes:
    path, body, headers = asked
    connection.request("POST" if body else "GET", path, body or None, headers)
    reply = connection.getresponse()
    data = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"{path}: {reply.status} {data[:200]!r}")
    return data


def until(port: int, asked: tuple[str, bytes, dict[str, str]], is_ready: Callable[[bytes], bool]) -> float:
    """Seconds until a server's reply is complete."""
    began = time.perf_counter()
    while time.perf_counter() - began < PATIENCE_S:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            if is_ready(request(connection, asked)):
                return time.perf_counter() - began
        except (OSError, RuntimeError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise TimeoutError(f"port {port}: not complete after {PATIENCE_S:.0f} s")


def settle(server: psutil.Process) -> None:
    """Wait until a server has nothing left to do: half a second in which it used a twentieth of a processor."""
    end = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < end:
        before = cpu_s(server)
        time.sleep(0.5)
        if cpu_s(server) - before < 0.025:
            return


def cpu_s(server: psutil.Process) -> float:
    family = [server, *server.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in family))


def first_requests(
    server: psutil.Process, port: int, asks: list[tuple[str, bytes, dict[str, str]]]
) -> dict[str, float]:
    """Median time and bytes of requests that were never made before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    times, sizes, cpu = [], [], cpu_s(server)
    for asked in asks:
        began = time.perf_counter()
        sizes.append(len(request(connection, asked)))
        times.append(time.perf_counter() - began)
    connection.close()
    used = (cpu_s(server) - cpu) / len(times)
    return {"ms": statistics.median(times) * 1e3, "cpu_ms": used * 1e3, "bytes": statistics.median(sizes)}


def load(server: psutil.Process, port: int, ask: Ask, seconds: float, connections: int) -> dict[str, float]:
    """Throughput and latency under some connections, and the server's CPU time a request.

    A request that began in time is waited for. CPU time is what a busy machine distorts least.
    """
    times: list[float] = []
    n_bytes = [0]
    numbers = iter(range(1 << 30))
    lock = threading.Lock()
    end = time.perf_counter() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        while (began := time.perf_counter()) < end:
            with lock:
                number = next(numbers)
            data = request(connection, ask(number))
            with lock:
                times.append(time.perf_counter() - began)
                n_bytes[0] += len(data)
        connection.close()

    began, cpu = time.perf_counter(), cpu_s(server)
    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, used = time.perf_counter() - began, cpu_s(server) - cpu
    times.sort()
    return {
        "qps": len(times) / took,
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[min(len(times) - 1, int(len(times) * 0.99))] * 1e3,
        "cpu_ms": used / len(times) * 1e3,
        "mb_s": n_bytes[0] / took / 1e6,
    }


def memory_mb(server: psutil.Process) -> float:
    return sum(one.memory_full_info().pss for one in [server, *server.children(recursive=True)]) / 1e6


def told(reply: bytes) -> list[dict[str, Any]]:
    """What a reply of /api/series tells of its series."""
    plain = zstandard.ZstdDecompressor().decompress(reply, max_output_size=1 << 30)
    header = json.loads(plain[8 : 8 + int.from_bytes(plain[:8], "little")])
    return list(json.loads(header["__metadata__"]["reply"])["series"])


def netscope(folder: Path, size: Set, seconds: float, connections: int) -> dict[str, Any]:
    keys = make_runs.key_names(size.keys)
    ids = sorted(place.name for place in folder.iterdir() if not place.name.startswith("."))
    port = free_port()

    def chart(key: str, low: float | None = None) -> tuple[str, bytes, dict[str, str]]:
        body = json.dumps({"runs": ids, "keys": [key], "px": size.px, "low": low}).encode()
        return "/api/series", body, {"Content-Type": "application/json", "Accept-Encoding": "zstd"}

    def is_ready(reply: bytes) -> bool:
        series = told(reply)
        return len(series) == size.runs and all(one["n_logged"] == size.steps for one in series)

    with process(
        [sys.executable, "-m", "netscope.cli", "show", str(folder), "--port", str(port), "--no-browser"]
    ) as server:
        ready = until(port, chart(keys[-1]), is_ready)
        settle(server)
        result = {
            "ready_s": ready,
            "first": first_requests(server, port, [chart(key) for key in keys[:-1]]),
            "fresh": load(server, port, lambda number: chart(keys[0], -1 - number * 1e-9), seconds, connections),
            "repeated": load(server, port, lambda number: chart(keys[0]), seconds, connections),
        }
        return result | {"memory_mb": memory_mb(server)}


def tensorboard(folder: Path, size: Set, seconds: float, connections: int) -> dict[str, Any]:
    keys = make_runs.key_names(size.keys)
    port = free_port()

    def chart(key: str) -> tuple[str, bytes, dict[str, str]]:
        asked = json.dumps([{"plugin": "scalars", "tag": key}])
        body = f'--b\r\nContent-Disposition: form-data; name="requests"\r\n\r\n{asked}\r\n--b--\r\n'.encode()
        return "/data/plugin/timeseries/timeSeries", body, {"Content-Type": "multipart/form-data; boundary=b"}

    def is_ready(reply: bytes) -> bool:
        series = json.loads(reply)[0].get("runToSeries", {})
        return len(series) == size.runs and all(points[-1]["step"] == size.steps - 1 for points in series.values())

    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(folder),
        "--port",
        str(port),
        "--load_fast=true",
    ]
    with process(command) as server:
        ready = until(port, chart(keys[-1]), is_ready)
        settle(server)
        result = {"ready_s": ready, "first": first_requests(server, port, [chart(key) for key in keys[:3]])}
        result["load"] = load(server, port, lambda number: chart(keys[0]), seconds, connections)
        return result | {"memory_mb": memory_mb(server)}


def ratios(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, float]:
    """How many times better; p99 is compared with the peer's p50 without load, as a person alone would see it."""
    return {
        "faster": peer["first"]["ms"] / ours["first"]["ms"],
        "less_cpu": peer["first"]["cpu_ms"] / ours["first"]["cpu_ms"],
        "fewer_bytes": peer["first"]["bytes"] / ours["first"]["bytes"],
        "qps": ours["fresh"]["qps"] / peer["load"]["qps"],
        "p99_to_its_p50": ours["fresh"]["p99_ms"] / peer["first"]["ms"],
        "memory": ours["memory_mb"] / peer["memory_mb"],
    }


def measure(name: str, place: Path, seconds: float, connections: int) -> dict[str, Any]:
    size = SETS[name]
    make_runs.make(place / "runs", size.runs, size.keys, size.steps)
    result: dict[str, Any] = {"netscope": netscope(place / "runs", size, seconds, connections)}
    if importlib.util.find_spec("tensorboard"):
        make_events(place / "events", size)
        result["tensorboard"] = tensorboard(place / "events", size, seconds, connections)
        result["ratios"] = ratios(result["netscope"], result["tensorboard"])
    return {"set": size._asdict(), **result}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="A,B,C")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for name in options.sets.split(","):
        place = Path(tempfile.mkdtemp(prefix=f"netscope-{name}-"))
        try:
            results[name] = measure(name, place, options.seconds, options.connections)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        print(name, json.dumps(results[name], indent=1), flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
