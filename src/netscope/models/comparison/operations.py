"""Operations under one name, whatever the format calls them: "Conv", "aten::conv2d" and "CONV_2D" are the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Bool

from netscope.models.graph import Graph

_SAME = {
    "conv": "conv1d conv2d conv3d convolution conv2dbiasactivation qlinearconv convinteger fusedconv quantizedconv",
    "depthwiseconv": "depthwiseconv2d depthwiseconv2dnative",
    "convtranspose": "convtranspose1d convtranspose2d convtranspose3d conv2dtranspose deconvolution transposeconv",
    "linear": "gemm fullyconnected dense innerproduct addmm qgemm fusedgemm",
    "matmul": "mm bmm batchmatmul batchmatmulv2 dot qlinearmatmul matmulinteger fusedmatmul matmulnbits",
    "batchnorm": "batchnormalization batchnorm1d batchnorm2d batchnorm3d fusedbatchnorm fusedbatchnormv3",
    "layernorm": "layernormalization nativelayernorm",
    "groupnorm": "groupnormalization",
    "instancenorm": "instancenormalization instancenorm1d instancenorm2d instancenorm3d",
    "maxpool": "maxpool1d maxpool2d maxpool3d maxpooling1d maxpooling2d maxpooling3d qlinearmaxpool",
    "averagepool": "avgpool avgpool1d avgpool2d avgpool3d averagepool2d averagepooling2d qlinearaveragepool",
    "globalaveragepool": "globalaveragepooling2d qlinearglobalaveragepool",
    "add": "addv2 qlinearadd",
    "mul": "multiply qlinearmul",
    "sub": "subtract",
    "div": "divide realdiv truediv",
    "concat": "cat concatv2 concatenation concatenate qlinearconcat",
    "sigmoid": "logistic qlinearsigmoid",
    "leakyrelu": "qlinearleakyrelu",
    "transpose": "permute",
    "reshape": "view",
    "mean": "reducemean",
    "sum": "reducesum",
    "clip": "clamp hardtanh relu6",
    "pad": "padv2 zeropadding2d",
    "embedding": "gather",
    "attention": "scaleddotproductattention multiheadattention",
    "quantize": "quantizelinear quantizeperchannel quantizepertensor",
    "dequantize": "dequantizelinear",
    "constant": "const",
}
_NAMES = {other: name for name, others in _SAME.items() for other in others.split()}

THROUGH = frozenset(("quantize", "dequantize", "identity", "cast", "dropout"))
"""What only passes its first input on, in another type: a model before and after quantisation differs in these."""


def of_texts(graph: Graph, test: Callable[[str], bool]) -> Bool[np.ndarray, " text"]:
    """For each text of a graph that is an operation whether it passes a test; False for the others and for -1."""
    found = np.zeros(len(graph.text) + 1, bool)
    for text in np.unique(graph.node_op).tolist():
        found[text] = test(graph.text[text])
    return found


@lru_cache(maxsize=4096)
def canonical(op: str) -> str:
    """The one name of an operation.

    >>> canonical("aten::conv2d"), canonical("CONV_2D"), canonical("torch.nn.Conv2d"), canonical("aten::add.Tensor")
    ('conv', 'conv', 'conv', 'add')
    """
    own = op.rpartition("::")[2].partition(".")[0] if "::" in op else op.rpartition(".")[2]
    bare = re.sub(r"[\W_]", "", own).lower()
    return _NAMES.get(bare, bare)
