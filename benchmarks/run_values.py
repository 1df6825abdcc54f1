"""What it costs to see every value that a network computes, beside the usual recipe with ONNX Runtime.

    python benchmarks/run_values.py [--repeats 3] [--json results.json]

Two networks: `maps`, 40 convolutions whose results of 32 x 256 x 256 have 8 MB each, and `nodes`, a transformer of
2,000 small operations. The recipe makes every value an output of one session, and computes mean, standard deviation,
minimum, maximum and the number of NaN of each with NumPy. Netscope runs the network in parts, and adds quantiles, a
histogram, the largest elements, the channels that stand out, a picture and the time of each operation. Each in a fresh
process: `process_s` is all of it by the clock, with imports; `cpu_s` the time of all its threads; `peak_MB` the most
memory that it had. Medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.open_model import transformer

CONVOLUTIONS, CHANNELS, SIDE, NODES = 40, 32, 256, 2_000
USAGE = """
import json, re, resource
used = resource.getrusage(resource.RUSAGE_SELF)
peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1e3
print(json.dumps({"cpu_s": used.ru_utime + used.ru_stime, "peak_MB": peak, "values": count}))
"""
PROGRAMS = {
    "netscope": "import sys, netscope\ncount = len(netscope.values(sys.argv[1]))",
    "onnxruntime, every value an output": """
import sys
import numpy as np, onnx, onnxruntime
model = onnx.load(sys.argv[1])
names = [name for node in model.graph.node for name in node.output]
del model.graph.output[:]
model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
(given,) = session.get_inputs()
x = np.random.default_rng(0).standard_normal(given.shape, dtype=np.float32)
found = {}
for name, value in zip(names, session.run(names, {given.name: x})):
    found[name] = value.mean(), value.std(), value.min(), value.max(), np.isnan(value).sum()
count = len(found) + 1
""",
}


def maps(path: Path) -> Path:
    """Convolutions with large results, one after the other."""
    kernel = np.full((CHANNELS, CHANNELS, 3, 3), 1 / (9 * CHANNELS), np.float32)
    nodes = [
        helper.make_node("Conv", [f"v{i}", "kernel"], [f"v{i + 1}"], name=f"conv{i}", pads=[1, 1, 1, 1])
        for i in range(CONVOLUTIONS)
    ]
    x, y = (
        helper.make_tensor_value_info(f"v{i}", TensorProto.FLOAT, [1, CHANNELS, SIDE, SIDE]) for i in (0, CONVOLUTIONS)
    )
    graph = helper.make_graph(nodes, "maps", [x], [y], [numpy_helper.from_array(kernel, "kernel")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def measured(program: str, path: Path, repeats: int) -> dict[str, float]:
    """Medians of some runs."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        command = [sys.executable, "-c", program + USAGE, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found.append({"process_s": time.perf_counter() - began, **json.loads(done.stdout.splitlines()[-1])})
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def compared(repeats: int) -> dict[str, Any]:
    """Both programs on both networks."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {"maps": maps(Path(folder) / "maps.onnx"), "nodes": transformer(Path(folder) / "nodes.onnx", NODES)}
        results: dict[str, Any] = {}
        for name, path in paths.items():
            found = {subject: measured(program, path, repeats) for subject, program in PROGRAMS.items()}
            ours, recipe = found.values()
            ratios = {f"{what}_ratio": recipe[what] / ours[what] for what in ("process_s", "cpu_s", "peak_MB")}
            results[name] = {**found, "ratios": ratios}
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results = compared(given.repeats)
    text = json.dumps(results, indent=2)
    print(text)
    if given.json:
        given.json.write_text(text)


if __name__ == "__main__":
    main()
