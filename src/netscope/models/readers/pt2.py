"""Read exported programs of PyTorch (`torch.export.save`): the graph that stands as JSON in the archive, and weights.

The JSON follows torch/_export/serde/schema.py. Since PyTorch 2.8 the archive has `models/NAME.json` and each weight as
a member; before, `serialized_exported_program.json` and the weights in a file of `torch.save`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from netscope.errors import FormatError
from netscope.models.builder import GraphBuilder
from netscope.models.model import Model
from netscope.models.readers.archive import Archive
from netscope.models.readers.pytorch_arrays import Array
from netscope.models.readers.pytorch_files import Files
from netscope.models.shapes import Dimension, dtype_bytes, n_elements
from netscope.models.stored import Stored

_OLD = "serialized_exported_program.json"
DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16", 29: "float8_e4m3fn",
    30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz", 33: "float8_e8m0fnu",
    34: "uint32", 35: "uint64",
}  # fmt: skip
_SYMBOL = re.compile(r"Symbol\('(\w+)'[^()]*\)|Integer\((-?\d+)\)")
LONGEST_EXPRESSION = 1000
LARGEST_JSON = 512 << 20
MOST_NODES = 1_000_000
_Json = Mapping[str, Any]


def is_exported(names: Sequence[str]) -> bool:
    """Whether an archive with these members was written by `torch.export.save`."""
    return _program(names) is not None


def _program(names: Sequence[str]) -> str | None:
    """The member that has the graph."""
    for name in names:
        folder, _, file = name.rpartition("/")
        if file == _OLD or (folder.split("/")[-1] == "models" and file.endswith(".json")):
            return name
    return None


def read(zipped: Archive, path: Path) -> Model:
    """Read an archive.

    Raises:
        FormatError: It is damaged.
    """
    name = _program(zipped.names())
    if name is None:
        raise FormatError(f"{path.name!r} has no exported program")
    try:
        program = msgspec.json.decode(zipped.read(name, LARGEST_JSON), type=dict[str, Any])
        reading = _Reading(zipped, path, name.removesuffix(_OLD) if name.endswith(_OLD) else name.split("models/")[0])
        reading.program(program)
        graph = reading.builder.build()
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError, RecursionError, IndexError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(
            f"{path.name!r}: its program is damaged: {type(error).__name__} {str(error)[:200]}"
        ) from error
    version = program.get("schema_version")
    said = ".".join(str(part) for part in version.values()) if isinstance(version, dict) else ""
    return Model(
        name=path.name,
        format="PyTorch ExportedProgram",
        format_version=f"schema {said}" if said else "",
        producer=f"PyTorch {torch}" if (torch := program.get("torch_version")) else "",
        graph=graph,
        metadata={
            "opset_version": program.get("opset_version", {}),
            "range_constraints": program.get("range_constraints", {}),
        },
        warnings=(*dict.fromkeys((*reading.files.warnings, *reading.warnings)),),
        stored=tuple(reading.stored),
    )


class _Reading:
    """What is read so far."""

    def __init__(self, zipped: Archive, path: Path, root: str) -> None:
        self.zipped, self.path, self.root = zipped, path, root
        self.builder, self.files = GraphBuilder(), Files()
        self.stored: list[Stored | None] = []
        self.warnings: list[str] = []

    def program(self, program: _Json) -> None:
        """The graph and what it is given."""
        module = program["graph_module"]
        graph, names = module["graph"], dict[str, int]()
        weights = self._weights()
        for spec in module["signature"]["input_specs"]:
            for kind, said in spec.items():
                self._input(kind, said, graph, weights, names)
        self._graph(graph, names, 0)
        for spec in module["signature"]["output_specs"]:
            for kind, said in spec.items():
                if kind in ("user_output", "loss_output"):
                    self.builder.outputs += [names[name] for name in _names(said["arg"]) if name in names]

    def _input(self, kind: str, said: _Json, graph: _Json, weights: Mapping[str, Any], names: dict[str, int]) -> None:
        """One input: a weight, or what the user gives."""
        target = next(
            (said[key] for key in ("parameter_name", "buffer_name", "tensor_constant_name") if key in said), None
        )
        for name in _names(said.get("arg")):
            dtype, shape = _type(graph, name)
            if target is None:
                names[name] = self.builder.add_value(name, dtype, shape)
                if kind in ("user_input", "custom_obj"):
                    self.builder.inputs.append(names[name])
                continue
            place = self._place(weights.get(target), dtype, shape)
            n_bytes = place.n_bytes if place else math.nan
            scope = self.builder.scope(target.rpartition(".")[0])
            sizes = shape or ()
            names[name] = self.builder.add_value(
                target, dtype, sizes, tensor=self.builder.add_tensor(target, dtype, sizes, n_bytes, scope=scope)
            )
            self.stored.append(place)

    def _graph(self, graph: _Json, names: dict[str, int], scope: int) -> None:
        """The nodes of a graph."""
        if self.builder.n_nodes + len(graph["nodes"]) > MOST_NODES:
            raise FormatError(f"{self.path.name!r} has more than {MOST_NODES:,} nodes")
        for node in graph["nodes"]:
            inputs, input_names, attributes = list[int](), list[str](), dict[str, Any]()
            bodies: list[tuple[str, _Json]] = []
            for argument in node["inputs"]:
                self._argument(argument["name"], argument["arg"], names, inputs, input_names, attributes, bodies)
            outputs = []
            for output in node["outputs"]:
                for name in _names(output):
                    names[name] = self.builder.add_value(name, *_type(graph, name))
                    outputs.append(names[name])
            place = scope or self._scope(node.get("metadata") or {})
            around = self.builder.scope_name(place)
            own = node.get("name") or next((name for output in node["outputs"] for name in _names(output)), "")
            index = self.builder.add_node(
                _op(node["target"]), inputs, outputs, name=f"{around}.{own}" if around else own, scope=place,
                attributes=attributes, input_names=input_names,
            )  # fmt: skip
            for name, body in bodies:
                self._body(name, body, names, place, index)

    def _body(self, name: str, graph: _Json, names: dict[str, int], around: int, owner: int) -> None:
        """A graph that a node runs, as `cond` does."""
        path = ".".join(part for part in (self.builder.scope_name(around), name) if part)
        scope = self.builder.add_scope(path, "graph", parent=around, owner=owner)
        inner = dict(names)
        for argument in graph["inputs"]:
            for one in _names(argument):
                inner[one] = self.builder.add_value(one, *_type(graph, one))
        self._graph(graph, inner, scope)

    def _argument(
        self, name: str, argument: Any, names: Mapping[str, int], inputs: list[int], input_names: list[str],
        attributes: dict[str, Any], bodies: list[tuple[str, _Json]],
    ) -> None:  # fmt: skip
        """One argument of a node: values, a body, or a setting."""
        if isinstance(argument, dict) and isinstance(graph := argument.get("as_graph"), dict):
            bodies.append((str(graph["name"]), graph["graph"]))
            return
        found = [*_names(argument)]
        if not found:
            if isinstance(argument, dict) and argument:
                kind, value = next(iter(argument.items()))
                attributes[name] = None if kind == "as_none" else _said(kind, value)
            return
        for i, one in enumerate(found):
            if one not in names:
                raise FormatError(f"{self.path.name!r}: a node reads {one!r}, which nothing computes")
            inputs.append(names[one])
            input_names.append(name if len(found) == 1 else f"{name}.{i}")

    def _scope(self, metadata: _Json) -> int:
        """The scope of a node: `L__self__,,Net;L__self___fc,fc,torch.nn.modules.linear.Linear`."""
        found = 0
        for entry in str(metadata.get("nn_module_stack") or "").split(";"):
            key, _, rest = entry.partition(",")
            path, _, kind = rest.rpartition(",")
            path = path.removeprefix("L['self'].").replace("L['self']", "").replace("@", " (call ")
            found = (
                self.builder.scope(path + (")" if " (call " in path else ""), kind.rpartition(".")[2]) if key else found
            )
        return found

    def _weights(self) -> dict[str, Any]:
        """Where each weight is: the name of its member, or an array of a file of `torch.save`."""
        found: dict[str, Any] = {}
        for kind in ("weights", "constants"):
            folder = f"{self.root}data/{kind}/"
            for name in self.zipped.names():
                if not name.startswith(folder) or not name.endswith(("_weights_config.json", "_constants_config.json")):
                    continue
                config = msgspec.json.decode(self.zipped.read(name), type=dict[str, Any])["config"]
                for target, said in config.items():
                    found[target] = f"{folder}{said['path_name']}"
        for name in (
            "serialized_state_dict.pt",
            "serialized_constants.pt",
            "data/weights/model.pt",
            "data/constants/model.pt",
        ):
            if (member := f"{self.root}{name}") in self.zipped and self.zipped.size(member):
                file, base = self.zipped.open(member)
                part = self.files.read_from(file, member, self.path, base)
                found |= part if isinstance(part, dict) else {}
        return found

    def _place(self, found: Any, dtype: str, shape: Sequence[Dimension] | None) -> Stored | None:
        """Where the elements of a weight are."""
        if isinstance(found, Array):
            return self.files.stored(found)
        if not isinstance(found, str) or found not in self.zipped or shape is None:
            self.warnings.append(f"{self.path.name} does not hold all weights that its graph reads.")
            return None
        place = self.zipped.place(found)
        sizes = tuple(size for size in shape if isinstance(size, int))
        n_bytes = n_elements(sizes) * dtype_bytes(dtype)
        if place.offset is None or not n_bytes <= place.n_bytes:
            return None
        return Stored(str(self.path), place.offset, int(n_bytes))


def _names(argument: Any) -> Iterator[str]:
    """Names of the values in an argument."""
    if not isinstance(argument, dict):
        return
    if isinstance(name := argument.get("name"), str) and not isinstance(argument.get("graph"), dict):
        yield name
        return
    for kind, value in argument.items():
        if kind == "as_name" and isinstance(value, str):
            yield value
        elif kind in ("as_tensor", "as_sym_int", "as_sym_bool", "as_sym_float", "as_optional_tensor", "as_custom_obj"):
            yield from _names(value)
        elif kind in ("as_tensors", "as_sym_ints", "as_sym_bools", "as_sym_floats", "as_optional_tensors"):
            for one in value:
                yield from _names(one)
        elif kind == "as_nested_tensors":
            for some in value:
                for one in some:
                    yield from _names(one)


def _said(kind: str, value: Any) -> Any:
    """A setting as an attribute shows it."""
    if kind == "as_scalar_type":
        return DTYPES.get(value, value)
    if kind == "as_device" and isinstance(value, dict):
        return value.get("type")
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.values()))
    if isinstance(value, list):
        return [_said("", one) if isinstance(one, dict) else one for one in value]
    return value


def _type(graph: _Json, name: str) -> tuple[str, tuple[Dimension, ...] | None]:
    """Type and shape of a value."""
    said = graph.get("tensor_values", {}).get(name)
    if said is None:
        kinds = (("sym_int_values", "int64"), ("sym_bool_values", "bool"), ("sym_float_values", "float64"))
        return next((dtype for kind, dtype in kinds if name in (graph.get(kind) or {})), ""), None
    return DTYPES.get(said["dtype"], ""), tuple(_size(size) for size in said["sizes"])


def _size(size: _Json) -> Dimension:
    if isinstance(value := size.get("as_int"), int):
        return value
    expression = size.get("as_expr")
    if not isinstance(expression, dict):
        return None
    return _SYMBOL.sub(r"\1\2", str(expression.get("expr_str"))[:LONGEST_EXPRESSION])


def _op(target: str) -> str:
    """`torch.ops.aten.conv2d.default` as aten::conv2d."""
    parts = target.split(".")
    if parts[:2] == ["torch", "ops"] and len(parts) > 3:
        overload = "" if parts[-1] == "default" or len(parts) < 5 else f".{parts[-1]}"
        return f"{parts[2]}::{parts[3]}{overload}"
    return target
