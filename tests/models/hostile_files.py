"""Files that are made to harm: they unpack to gigabytes, nest without end, contain themselves, or double and double."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import helper

from tests.models.onnx_files import f32, saved
from tests.models.protobuf_files import field, node

Write = Callable[[Path], Path]
DOUBLINGS = 60


def zeros(n_mebibytes: int) -> tuple[bytes, int, int]:
    """So many mebibytes of zeros, deflated: made at once, since the packed parts are all alike; CRC and size."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    part = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return part * n_mebibytes + b"\x03\x00", 0, n_mebibytes << 20


def bomb(path: Path, member: str, others: dict[str, bytes], n_mebibytes: int = 4000) -> Path:
    """A zip archive with a member that unpacks to gigabytes of zeros."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in others.items():
            archive.writestr(name, data)
    data, crc, size = zeros(n_mebibytes)
    whole = path.read_bytes()
    at = whole.rindex(b"PK\x05\x06")
    (start,) = struct.unpack("<I", whole[at + 16 : at + 20])
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, crc, len(data), size, len(member), 0)
    entry = struct.pack(
        "<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 33, crc, len(data), size, len(member), 0, 0, 0, 0, 0, start
    )
    local = b"PK\x03\x04" + head + member.encode() + data
    directory = whole[start:at] + b"PK\x01\x02" + entry + member.encode()
    end = struct.pack("<HHHHIIH", 0, 0, len(others) + 1, len(others) + 1, len(directory), start + len(local), 0)
    path.write_bytes(whole[:start] + local + directory + b"PK\x05\x06" + end)
    return path


def keras_bomb(folder: Path) -> Path:
    return bomb(folder / "net.keras", "config.json", {"metadata.json": b"{}", "model.weights.h5": b""})


def pytorch_bomb(folder: Path) -> Path:
    return bomb(folder / "net.pt", "net/data.pkl", {"net/version": b"3"})


def pt2_bomb(folder: Path) -> Path:
    return bomb(folder / "net.pt2", "net/models/model.json", {"net/archive_format": b"pt2"})


def npz_bomb(folder: Path) -> Path:
    held = io.BytesIO()
    np.save(held, np.arange(3))
    return bomb(folder / "net.npz", "w.npy", {"other.npy": held.getvalue()})


def doubled() -> bytes:
    """The opcodes of a tuple of two tuples of two tuples, each of them the same: 2**60 in all."""
    return b")q\x00" + b"0h\x00h\x00\x86q\x00" * DOUBLINGS


def pickled(folder: Path, body: bytes) -> Path:
    path = folder / "net.pkl"
    path.write_bytes(b"\x80\x02" + body + b".")
    return path


def doubled_value(folder: Path) -> Path:
    return pickled(folder, b"}X\x01\x00\x00\x00a" + doubled() + b"s")


def doubled_key(folder: Path) -> Path:
    return pickled(folder, b"}" + doubled() + b"Ns")


def doubled_list(folder: Path) -> Path:
    return pickled(folder, b"}X\x01\x00\x00\x00a]q\x00" + b"0]h\x00ah\x00aq\x00" * DOUBLINGS + b"s")


def list_in_itself(folder: Path) -> Path:
    return pickled(folder, b"]q\x00h\x00a")


def shape_in_itself(folder: Path) -> Path:
    tensor = b"ctorch._utils\n_rebuild_tensor_v2\n(NK\x00]q\x00h\x00ah\x00tR"
    return pickled(folder, b"}X\x01\x00\x00\x00w" + tensor + b"s")


def size_of_itself(folder: Path) -> Path:
    return pickled(folder, b"}X\x01\x00\x00\x00w" + b"ctorch\nSize\n(]q\x00h\x00atR" + b"s")


def many_lists(folder: Path) -> Path:
    return pickled(folder, b"]" * 3_900_000)


def deep_tuples(folder: Path) -> Path:
    return pickled(folder, b")" + b"\x85" * 1_000_000)


def deep_dicts(folder: Path) -> Path:
    return pickled(folder, b"}" + b"K\x00}" * 500_000 + b"s" * 500_000)


def many_scopes(folder: Path) -> Path:
    """Names whose paths have no part in common."""
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = json.dumps({f"{i}" + ".a" * 90: entry for i in range(20_000)}).encode()
    path = folder / "net.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def doubling_functions_tf(folder: Path) -> Path:
    """Each function calls the next one twice."""
    functions = b""
    for i in range(DOUBLINGS):
        called = {"f": field(10, field(1, f"f{i + 1}"))}
        inner = [node(f"call{n}", "PartitionedCall", ["x"], called) for n in (0, 1)]
        functions += field(1, field(1, field(1, f"f{i}") + field(2, field(1, "x") + field(3, 1))) + b"".join(
            field(3, one) for one in inner
        ))  # fmt: skip
    nodes = [node("x", "Placeholder"), node("call", "PartitionedCall", ["x"], {"f": field(10, field(1, "f0"))})]
    path = folder / "net.pb"
    path.write_bytes(b"".join(field(1, one) for one in nodes) + field(2, functions))
    return path


def doubling_functions_onnx(folder: Path) -> Path:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("m", 1)]
    functions = []
    for i in range(DOUBLINGS):
        calls = [helper.make_node(f"F{i + 1}", ["a"], [name], domain="m") for name in ("b", "c")]
        functions.append(helper.make_function("m", f"F{i}", ["a"], ["b"], calls, opsets))
    nodes = [helper.make_node("F0", ["x"], ["y"], domain="m")]
    graph = helper.make_graph(nodes, "g", [f32("x", [1])], [f32("y", [1])])
    return saved(folder, graph, functions=functions, opset_imports=opsets)


def many_nodes_tf(folder: Path) -> Path:
    path = folder / "net.pb"
    path.write_bytes(field(1, node("x", "Placeholder")) + field(1, b"") * 1_100_000)
    return path


def deep_json(folder: Path) -> Path:
    path = folder / "model.json"
    path.write_bytes(b'{"modelTopology": ' + b'{"a": [' * 200_000)
    return path


def entities(folder: Path) -> Path:
    """The text that doubles in XML ("a billion laughs")."""
    said = "".join(f'<!ENTITY e{i + 1} "&e{i};&e{i};">' for i in range(DOUBLINGS))
    path = folder / "net.xml"
    path.write_text(f'<!DOCTYPE net [<!ENTITY e0 "x">{said}]><net name="&e{DOUBLINGS};"><layers/></net>')
    return path


def empty_messages(folder: Path) -> Path:
    path = folder / "net.mlmodel"
    path.write_bytes(field(1, 5) + field(500, field(1, b"") * 1_100_000))
    return path


def deep_flax(folder: Path) -> Path:
    path = folder / "net.msgpack"
    path.write_bytes(b"\x81\xa1a" * 1_000_000)
    return path


def scripted_bomb(folder: Path) -> Path:
    """TorchScript whose code has a thousand branches in a row, each with the ones before as its condition."""
    lines = ["def forward(self, x: Tensor) -> Tensor:"]
    lines += [f"  x = torch.add(x, torch.add(x, x)){''}" for _ in range(200_000)] + ["  return x"]
    held = io.BytesIO()
    pickle.dump({}, held, 2)
    path = folder / "net.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02c__torch__\nNet\n)\x81}(X\x08\x00\x00\x00trainingI00\nub.")
        archive.writestr("net/constants.pkl", b"\x80\x02).")
        archive.writestr("net/version", b"3")
        code = "class Net(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n"
        archive.writestr("net/code/__torch__.py", code + "\n".join(f"  {line}" for line in lines))
    return path


def huge_arrays(folder: Path) -> Path:
    """A checkpoint of an array of 2**60 elements, none of them in the file."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1152921504606846976,), }\n"
    path = folder / "net.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    return path


WRITERS: list[Write] = [
    keras_bomb, pytorch_bomb, pt2_bomb, npz_bomb, doubled_value, doubled_key, doubled_list, list_in_itself,
    shape_in_itself, size_of_itself, many_lists, deep_tuples, deep_dicts, many_scopes, doubling_functions_tf,
    doubling_functions_onnx, many_nodes_tf, deep_json, entities, empty_messages, deep_flax, scripted_bomb, huge_arrays,
]  # fmt: skip
