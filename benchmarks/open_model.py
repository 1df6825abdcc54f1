"""What opening a model costs: files of 10 GB of which only headers are read, and graphs of 1,000 to 50,000 nodes.

    python benchmarks/open_model.py [--repeats 3] [--json results.json]

The safetensors and the GGUF file have 1,000 tensors and are sparse, so that they cost no disk. The ONNX graphs are
transformers of 20 nodes a block, of which a mask and two rotary tables feed every block, without shapes in the file. A
fresh process opens each: `open_s` from the path to the graph with inferred shapes and FLOPs, `pack_s` to the bytes that
the page gets, `start_s` for the imports before. `process_s` is all of it, with the start of the interpreter, by the
clock; `peak_MB` the most memory that the process had. Medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GIGABYTES, TENSORS = 10, 1000
NODES = (1_000, 10_000, 50_000)
OPEN = """
import gc, json, re, sys, time
gc.disable()  # as the server's process that reads
start = time.perf_counter()
import onnx
from netscope.models.open import open_model
from netscope.models.pack import pack
opening = time.perf_counter()
model = open_model(sys.argv[1])
packing = time.perf_counter()
packed = pack(model)
end = time.perf_counter()
print(json.dumps({
    "start_s": opening - start, "open_s": packing - opening, "pack_s": end - packing,
    "peak_MB": int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1e3,
    "nodes": model.graph.n_nodes, "tensors": model.graph.n_tensors, "pack_MB": len(packed) / 1e6,
}))
"""


def sparse_safetensors(path: Path) -> Path:
    """A file with a whole header and a hole for the arrays."""
    rows = GIGABYTES * 10**9 // TENSORS // 8192
    size = rows * 8192
    header: dict[str, Any] = {
        f"model.layers.{i // 10}.part{i % 10}.weight": {
            "dtype": "BF16", "shape": [rows, 4096], "data_offsets": [i * size, (i + 1) * size],
        }
        for i in range(TENSORS)
    }  # fmt: skip
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + TENSORS * size)
    return path


def sparse_gguf(path: Path) -> Path:
    """The same as GGUF, with 32,000 tokens."""
    rows = GIGABYTES * 10**9 // TENSORS // 8192
    text = lambda word: struct.pack("<Q", len(word)) + word.encode()  # noqa: E731
    parts = [
        b"GGUF",
        struct.pack("<IQQ", 3, TENSORS, 1),
        text("tokenizer.ggml.tokens"),
        struct.pack("<IIQ", 9, 8, 32000),
    ]
    parts += [text(f"token{i}") for i in range(32000)]
    for i in range(TENSORS):
        parts.append(text(f"blk.{i // 10}.part{i % 10}.weight"))
        parts.append(struct.pack("<IQQIQ", 2, 4096, rows, 30, i * rows * 8192))
    with path.open("wb") as file:
        file.write(b"".join(parts))
        file.truncate(file.tell() + 32 + TENSORS * rows * 8192)
    return path


def transformer(path: Path, n_nodes: int) -> Path:
    """Blocks of attention and a feed-forward part, with shared tensors."""
    width, nodes, weights = 32, [], []
    for name in ("cos", "sin", "mask"):
        weights.append(numpy_helper.from_array(np.ones((1, 16, width), np.float32), name))
    before = "x"
    for block in range(n_nodes // 20):
        at = f"/layers.{block}"

        def add(op: str, inputs: list[str], name: str, at: str = at, **attributes: Any) -> str:
            out = f"{at}/{name}_output"
            nodes.append(helper.make_node(op, inputs, [out], name=f"{at}/{name}/{op}", **attributes))
            return out

        def dense(value: str, name: str, block: int = block, add: Any = add) -> str:
            stored = f"layers.{block}.{name}.weight"
            weights.append(numpy_helper.from_array(np.ones((width, width), np.float32), stored))
            return str(add("MatMul", [value, stored], name))

        q, k, v = (dense(before, f"attn/{name}") for name in "qkv")
        turned = [
            add(
                "Add",
                [add("Mul", [x, "cos"], f"attn/{n}_cos"), add("Mul", [x, "sin"], f"attn/{n}_sin")],
                f"attn/{n}_turned",
            )
            for x, n in ((q, "q"), (k, "k"))
        ]
        scores = add("MatMul", [turned[0], add("Transpose", [turned[1]], "attn/t", perm=[0, 2, 1])], "attn/scores")
        shifted = add(
            "Add",
            [scores, add("MatMul", ["mask", add("Transpose", ["mask"], "attn/m", perm=[0, 2, 1])], "attn/mm")],
            "attn/masked",
        )
        mixed = dense(add("MatMul", [add("Softmax", [shifted], "attn/weights"), v], "attn/mixed"), "attn/o")
        hidden = add("Relu", [dense(add("Add", [before, mixed], "add_1"), "mlp/up")], "mlp/act")
        before = add("Add", [hidden, dense(hidden, "mlp/down")], "add_2")
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16, width])  # noqa: E731
    graph = helper.make_graph(nodes, "transformer", [value("x")], [value(before)], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="pytorch"), path)
    return path


def measured(path: Path, repeats: int) -> dict[str, Any]:
    """Medians over processes."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout) | {"process_s": time.perf_counter() - began})
    size = {"file_MB": round(path.stat().st_size / 1e6)}
    return size | {key: round(statistics.median(part[key] for part in found), 3) for key in found[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {
            "safetensors": sparse_safetensors(folder / "large.safetensors"),
            "GGUF": sparse_gguf(folder / "large.gguf"),
            **{f"ONNX {n:,}": transformer(folder / f"{n}.onnx", n) for n in NODES},
        }
        result = {title: {"netscope": measured(path, options.repeats)} for title, path in files.items()}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
