"""The commands about a network's body: scene, render, prune-curve."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from netscope.cli import ListOfText, say, table
from netscope.errors import StorageError, UsageError

if TYPE_CHECKING:
    from netscope.frameworks.body.pruning import PruneCurve

Flag = Parameter(negative="")
Output = Annotated[Path, Parameter(name=("--output", "-o"))]


def scene(
    *,
    output: Output,
    random: str = "784-81-49-10",
    seed: int = 0,
    node_placement: Literal["radial", "joint", "layers", "sorted", "raster"] = "radial",
    keep_input: bool = True,
    node_bandwidth: float = 0.5,
    node_bandwidth_reduction: float = 0.95,
    bundling: Literal["class", "all", "none"] = "class",
    edge_bandwidth: float = 0.2,
    edge_bandwidth_reduction: float = 0.9,
    edge_importance_type: Literal[0, 1, 2, 3] = 0,
    prune_percentage: float = 0.0,
    sampling_rate: int = 16,
    smoothing: bool = True,
    smoothing_iterations: int = 3,
    layer_width: float = 1.0,
    layer_distance: float = 0.6,
) -> None:
    """Lay out a random network as a body, and write it as a scene.

    Args:
        output: File to write, .safetensors.
        random: Nodes per layer, such as 784-81-49-10; each is important for a random class.
        seed: Of the random network.
        node_placement: radial, joint and layers move nodes of one class to each other: from places on a ring of
            classes, from a raster, or in each layer alone; sorted is a raster ordered by class.
        keep_input: Leave the first layer a raster, so that an image stays one.
        node_bandwidth: Of the first step of node placement, in layer widths.
        node_bandwidth_reduction: Its factor from step to step.
        bundling: Which edges attract each other: those of one class, all, or none.
        edge_bandwidth: Of the first step of edge bundling, in layer widths.
        edge_bandwidth_reduction: Its factor from step to step.
        edge_importance_type: Importance and class of an edge come from both ends, changing along it (0), its source
            (1), the sum of both (2), its target (3).
        prune_percentage: Fraction of edges to leave out, 0 to 1: the least important ones.
        sampling_rate: Segments per edge.
        smoothing: Smooth edges after each step of bundling.
        smoothing_iterations: Passes of smoothing.
        layer_width: Width of a layer.
        layer_distance: Between layers.
    """
    from netscope.scenes.build import build_scene  # noqa: PLC0415  (compiles)
    from netscope.scenes.parameters import BodyParameters  # noqa: PLC0415
    from netscope.scenes.random_network import parse_sizes, random_network  # noqa: PLC0415

    parameters = BodyParameters(
        node_placement=node_placement,
        keep_input=keep_input,
        node_bandwidth=node_bandwidth,
        node_bandwidth_reduction=node_bandwidth_reduction,
        bundling=bundling,
        edge_bandwidth=edge_bandwidth,
        edge_bandwidth_reduction=edge_bandwidth_reduction,
        edge_importance_type=edge_importance_type,
        prune_percentage=prune_percentage,
        sampling_rate=sampling_rate,
        smoothing=smoothing,
        smoothing_iterations=smoothing_iterations,
        layer_width=layer_width,
        layer_distance=layer_distance,
        seed=seed,
    )
    parameters.check()
    network = random_network(parse_sizes(random), seed)
    built = build_scene(network, parameters, method="random", report=progress)
    built.save(output)
    say(f"{output}: {len(built.edge_nodes):,} edges, {built.info.n_pruned:,} left out")


def render(
    file: Path,
    /,
    *,
    output: Output,
    size: str = "1280x720",
    camera: int = 4,
    theme: Literal["light", "dark"] = "light",
    transparent: Annotated[bool, Flag] = False,
    classes: ListOfText | None = None,
    node_size: float | None = None,
    edge_size: float | None = None,
    supersample: int = 2,
    turntable: float | None = None,
    fps: int = 24,
) -> None:
    """Draw a scene as a picture, without a display or a GPU.

    Args:
        file: A scene.
        output: File to write: .png; for a turntable .gif, .png (animated) or .mp4.
        size: Width and height in pixels.
        camera: 0 left, 1 front, 2 right, 3 back right, 4 overview, 5 upper back left, 6 upper back right,
            7 lower back right, 8 back, 9 top.
        theme: Colours.
        transparent: Without a background (.png).
        classes: Show only what matters for this class; may be given several times.
        node_size: Radius of the most important nodes, in layer widths.
        edge_size: Radius of the most important edges.
        supersample: Draw pixels this many times as fine, and average them.
        turntable: Turn the body once in this many seconds.
        fps: Pictures per second of a turntable.
    """
    from msgspec.structs import replace  # noqa: PLC0415

    from netscope.scenes.picture_files import write_picture, write_turntable  # noqa: PLC0415  (compiles)
    from netscope.scenes.scene import Scene  # noqa: PLC0415
    from netscope.scenes.style import Style  # noqa: PLC0415

    style = Style(theme=theme, transparent=transparent, supersample=supersample)
    for kind, radius in (("nodes", node_size), ("edges", edge_size)):
        if radius is not None:
            look = replace(getattr(style, kind), size=radius)
            style = replace(style, **{kind: look})
    drawn: dict[str, Any] = {"camera": camera, "style": style, "classes": classes or ()}
    found = Scene.open(file)
    if turntable is None:
        write_picture(found, output, parse_size(size), **drawn)
    else:
        write_turntable(found, output, parse_size(size), seconds=turntable, fps=fps, report=progress, **drawn)
    say(str(output))


def prune_curve(
    *, seeds: int = 3, epochs: int = 15, output: Annotated[Path | None, Parameter(name=("--output", "-o"))] = None
) -> None:
    """Train 784-81-49-10 on digits, prune its edges by every score, and print the accuracy on held-out digits.

    Prints mean ± standard deviation over the seeds.

    Args:
        seeds: Number of networks.
        epochs: Passes over 4,000 digits, each with 1,000 others held out.
        output: Write one row per seed, score, share and class, as CSV.
    """
    import numpy as np  # noqa: PLC0415

    from netscope.digits_networks import prune_trained  # noqa: PLC0415  (loads torch)

    if seeds < 1 or epochs < 1:
        raise UsageError(f"{seeds} seeds and {epochs} epochs; at least one of each is needed")
    curves = [prune_trained(seed, epochs, progress) for seed in range(seeds)]
    rows: list[Sequence[str]] = [("pruned", *(f"{share:.0%}" for share in curves[0].fractions))]
    for score in curves[0].accuracy:
        found = np.stack([curve.accuracy[score] for curve in curves])
        rows.append((score, *(f"{a:.3f}±{b:.3f}" for a, b in zip(found.mean(0), found.std(0), strict=True))))
    say(table(rows))
    if output is not None:
        write_text(output, csv_of(curves))


def csv_of(curves: Sequence[PruneCurve]) -> str:
    """One row per seed, score, share and class; the class is empty for all of them."""
    lines = ["seed,score,pruned,class,accuracy"]
    for seed, curve in enumerate(curves):
        for score, accuracy in curve.accuracy.items():
            for i, share in enumerate(curve.fractions):
                lines.append(f"{seed},{score},{share:g},,{accuracy[i]:.6g}")
                lines += [f"{seed},{score},{share:g},{c},{a:.6g}" for c, a in enumerate(curve.class_accuracy[score][i])]
    return "\n".join(lines) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def parse_size(text: str) -> tuple[int, int]:
    """Width and height.

    >>> parse_size("1280x720")
    (1280, 720)

    Raises:
        UsageError: It is something else.
    """
    match = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text)
    if match is None:
        raise UsageError(f"size is {text!r}; give width and height, such as 1280x720")
    return int(match[1]), int(match[2])


def progress(done: int, total: int, unit: str) -> None:
    """Print progress to stderr if it is a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {total} {unit}\033[K" + ("\n" if done == total else ""))
        sys.stderr.flush()
