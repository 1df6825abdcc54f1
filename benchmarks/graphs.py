"""Transformer graphs of any size: what the benchmarks of the graph draw.

    python benchmarks/graphs.py 10000 --shared --onnx transformer.onnx

A block has 13 nodes in the scopes of its modules, as an exported transformer has them. In a *shared* graph, an
attention mask and two rotary tables feed every block: long edges from the first node to the last, as in real exports.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from netscope.models.builder import GraphBuilder
from netscope.models.model import Model

NODES_PER_BLOCK = 13
WIDTH = 64
TOKENS = 16
HIDDEN = [1, TOKENS, WIDTH]
WIDE = [1, TOKENS, 4 * WIDTH]
SCORES = [1, 4, TOKENS, TOKENS]


class Transformer:
    """Adds nodes and weights, each in the scope of its name."""

    def __init__(self) -> None:
        """Begin with an empty graph."""
        self.build = GraphBuilder()

    def weight(self, name: str, shape: list[int]) -> int:
        """A stored value."""
        scope = self.build.scope(name.rpartition(".")[0])
        tensor = self.build.add_tensor(name, "float32", shape, 4.0 * math.prod(shape), scope=scope)
        return self.build.add_value(name, "float32", shape, tensor=tensor)

    def node(self, op: str, name: str, inputs: list[int], shape: list[int] = HIDDEN) -> int:
        """The value that a new node computes."""
        output = self.build.add_value(f"{name}_output", "float32", shape)
        self.build.add_node(op, inputs, [output], name=name, scope=self.build.scope(name.rpartition(".")[0]))
        return output

    def given(self, name: str, shape: list[int]) -> int:
        """An input of the graph."""
        value = self.build.add_value(name, "float32", shape)
        self.build.inputs.append(value)
        return value

    def attention(self, path: str, x: int, common: list[int]) -> int:
        """Attention over one value; `common` is the mask and the two rotary tables, or nothing."""
        q, k, v = (
            self.node("MatMul", f"{path}.{one}", [x, self.weight(f"{path}.{one}_weight", [WIDTH, WIDTH])])
            for one in "qkv"
        )
        if common:
            q, k = (
                self.node("RotaryEmbedding", f"{path}.rotate_{n}", [x, *common[1:]]) for n, x in (("q", q), ("k", k))
            )
        scores = self.node("MatMul", f"{path}.scores", [q, k], SCORES)
        if common:
            scores = self.node("Add", f"{path}.masked", [scores, common[0]], SCORES)
        return self.node("MatMul", f"{path}.mix", [self.node("Softmax", f"{path}.softmax", [scores], SCORES), v])

    def block(self, path: str, x: int, common: list[int]) -> int:
        """One layer: attention, then two matrix products, each beside a shortcut."""
        for name, kind in (("", "Block"), (".attention", "Attention"), (".mlp", "MLP")):
            self.build.scope(path + name, kind)
        normal = self.node("LayerNormalization", f"{path}.norm", [x, self.weight(f"{path}.norm_weight", [WIDTH])])
        x = self.node("Add", f"{path}.add_1", [x, self.attention(f"{path}.attention", normal, common)])
        normal = self.node("LayerNormalization", f"{path}.norm_2", [x, self.weight(f"{path}.norm_2_weight", [WIDTH])])
        up = self.node(
            "MatMul", f"{path}.mlp.up", [normal, self.weight(f"{path}.mlp.up_weight", [WIDTH, 4 * WIDTH])], WIDE
        )
        active = self.node("Gelu", f"{path}.mlp.gelu", [up], WIDE)
        down = self.node(
            "MatMul", f"{path}.mlp.down", [active, self.weight(f"{path}.mlp.down_weight", [*WIDE[2:], WIDTH])]
        )
        return self.node("Add", f"{path}.add_2", [x, down])


def transformer(n_nodes: int, *, shared: bool = False) -> Model:
    """A transformer of about `n_nodes` nodes, nested as modules are; its weights are in no file."""
    made = Transformer()
    tokens = made.given("tokens", [1, TOKENS])
    common: list[int] = []
    if shared:
        common = [made.given("mask", [1, 1, TOKENS, TOKENS])]
        common += [made.given(name, [TOKENS, WIDTH]) for name in ("cos", "sin")]
    made.build.scope("embed", "Embedding")
    made.build.scope("layers", "ModuleList")
    x = made.node("Gather", "embed.gather", [made.weight("embed.weight", [1000, WIDTH]), tokens])
    for block in range(max(1, (n_nodes - 2) // (NODES_PER_BLOCK + 3 * shared))):
        x = made.block(f"layers.{block}", x, common)
    made.build.outputs.append(made.node("Softmax", "probabilities", [x]))
    return Model("transformer", "generated", made.build.build())


def write_onnx(model: Model, path: Path) -> None:
    """The same graph as an ONNX file, for peers. The file of its weights is not written: none is needed to draw."""
    import onnx

    graph = model.graph
    text = graph.text
    names = [text[index] for index in graph.value_name]
    nodes = []
    start_in = start_out = 0
    for index in range(len(graph.node_op)):
        end_in, end_out = graph.node_input_ends[index], graph.node_output_ends[index]
        scope = text[graph.scope_name[graph.node_scope[index]]].replace(".", "/")
        nodes.append(
            onnx.helper.make_node(
                text[graph.node_op[index]],
                [names[value] for value in graph.node_inputs[start_in:end_in]],
                [names[value] for value in graph.node_outputs[start_out:end_out]],
                name=f"/{scope}/{text[graph.node_name[index]].rpartition('.')[2]}",
            )
        )
        start_in, start_out = end_in, end_out

    def typed(value: int) -> onnx.ValueInfoProto:
        return onnx.helper.make_tensor_value_info(names[value], onnx.TensorProto.FLOAT, None)

    def stored(value: int) -> onnx.TensorProto:
        tensor = onnx.TensorProto(name=names[value], data_type=onnx.TensorProto.FLOAT)
        tensor.dims.extend(json.loads(text[graph.value_shape[value]]))
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")
        return tensor

    inputs, outputs = [typed(value) for value in graph.inputs], [typed(value) for value in graph.outputs]
    weights = [stored(value) for value in range(len(names)) if graph.value_tensor[value] >= 0]
    made = onnx.helper.make_graph(nodes, model.name, inputs, outputs, weights)
    onnx.save(onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 20)]), path)


def write_model_explorer(model: Model, path: Path) -> None:
    """The same graph in Model Explorer's own JSON, without weights."""
    graph, text = model.graph, model.graph.text
    sources = {value: (f"input {value}", "0") for value in graph.inputs.tolist()}
    nodes = [
        {"id": sources[value][0], "label": text[graph.value_name[value]], "namespace": "", "incomingEdges": []}
        for value in graph.inputs.tolist()
    ]
    for node in graph.nodes:
        for slot, output in enumerate(node.outputs):
            if output is not None:
                sources[output.index] = (str(node.index), str(slot))
    for node in graph.nodes:
        ends = [(slot, sources[used.index]) for slot, used in enumerate(node.inputs) if used and used.index in sources]
        edges = [
            {"sourceNodeId": source, "sourceNodeOutputId": output, "targetNodeInputId": str(slot)}
            for slot, (source, output) in ends
        ]
        scope = text[graph.scope_name[graph.node_scope[node.index]]].replace(".", "/")
        nodes.append({"id": str(node.index), "label": node.op, "namespace": scope, "incomingEdges": edges})
    path.write_text(json.dumps({"label": model.name, "graphs": [{"id": model.name, "nodes": nodes}]}), encoding="utf-8")


def main() -> None:
    """Write a graph as an ONNX file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", type=int)
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--onnx", type=Path, required=True)
    given = parser.parse_args()
    write_onnx(transformer(given.nodes, shared=given.shared), given.onnx)


if __name__ == "__main__":
    main()
