"""`netscope.body`: lay out a live network in 3D."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from netscope.errors import UsageError
from netscope.scenes.build import build_scene, silent
from netscope.scenes.parameters import BodyParameters
from netscope.scenes.scene import Scene

if TYPE_CHECKING:
    from netscope.analyse.body.placement import Report
    from netscope.frameworks.body.torch_importance import Method


def body(
    model: Any,
    data: Any,
    labels: Any = None,
    *,
    method: Method = "gain",
    classes: Sequence[str] = (),
    name: str = "",
    seed: int = 0,
    report: Report = silent,
    **parameters: Any,
) -> Scene:
    """Lay out a PyTorch network in 3D, with its nodes near others that matter for the same classes.

    Importance is estimated on some inputs; a few hundred of each class are enough. The network is put into evaluation
    mode while this runs, and is not changed.

    >>> import netscope, torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    >>> scene = netscope.body(model, torch.rand(60, 16), torch.arange(60) % 3, prune_percentage=0.5, seed=1)
    >>> scene
    <Scene 'Sequential' 16-8-3, 76 edges>
    >>> scene.save("body.safetensors")

    Args:
        model: A `torch.nn.Module` whose linear layers and convolutions follow each other.
        data: Inputs [sample, …].
        labels: Class of each input, from 0; by default the one that the network predicts.
        method: How importance is estimated: "gain" (trained gains of inserted batch norms), "magnitude", "taylor" or
            "activation".
        classes: Names of the classes.
        name: Of the network.
        seed: Of the training of the gains.
        report: Called as `report(done, total, unit)` while it works.
        parameters: Fields of `BodyParameters`, such as `prune_percentage`.

    Raises:
        UsageError: The network, its inputs, labels or a parameter do not fit.
    """
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(model, torch.nn.Module):
        raise UsageError(f"body takes a torch.nn.Module, got {type(model).__name__}")
    from netscope.frameworks.body.torch_importance import METHODS, importance  # noqa: PLC0415  (loads torch)
    from netscope.frameworks.body.torch_inputs import evaluating, inputs_of  # noqa: PLC0415

    if method not in METHODS:
        raise UsageError(f"method is {method!r}; there are {', '.join(METHODS)}")
    unknown = [one for one in parameters if one not in BodyParameters.__struct_fields__]
    if unknown:
        raise UsageError(f"no parameter {unknown[0]!r}; there are {', '.join(BodyParameters.__struct_fields__)}")
    chosen = BodyParameters(seed=seed, **parameters)
    chosen.check()
    with evaluating(model):
        samples, targets = inputs_of(model, data, labels)
        from netscope.frameworks.body.torch_gains import GainOptions  # noqa: PLC0415

        found = importance(model, samples, targets, method, GainOptions(), seed, report)
    names = [f"input of {found.layers[0].name or 'the network'}", *(layer.name for layer in found.layers)]
    return build_scene(
        found.network(),
        chosen,
        name=name or type(model).__name__,
        layers=names,
        classes=classes,
        method=method,
        report=report,
    )
