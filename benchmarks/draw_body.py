"""How long the body of a random network takes: laid out, pruned to a tenth, and drawn.

    python benchmarks/draw_body.py [--quick] [--json FILE]

Networks of 10 thousand to 2 million edges, all methods at their defaults: nodes placed by class, edges of 17 samples
bundled in 20 steps, a picture of 1280x720 drawn twice as fine. CPU seconds of the process, all threads together; the
first process ever also compiles, which is measured apart. Peak memory is that of the process.

nn_vis needed 778 s wall for a network of 126 edges on software OpenGL on two cores; its author reports 180 to 240 s for
784-81-49-10 on an RTX 3080. It is not on PyPI, so it is not run here.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

NETWORKS = {
    "10k edges": (100, 80, 22, 10),
    "68k edges": (784, 81, 49, 10),
    "506k edges": (784, 512, 200, 10),
    "2.0M edges": (784, 1600, 460, 10),
}


def cpu_seconds(function: Any, *arguments: Any) -> tuple[float, Any]:
    began = time.process_time()
    found = function(*arguments)
    return round(time.process_time() - began, 2), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the two small networks")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    began = time.process_time()
    from netscope.scenes.build import build_scene
    from netscope.scenes.parameters import BodyParameters
    from netscope.scenes.random_network import random_network
    from netscope.scenes.render import render

    result: dict[str, Any] = {"import (compiles the first time), CPU s": round(time.process_time() - began, 2)}
    for name, sizes in list(NETWORKS.items())[: 2 if options.quick else None]:
        network = random_network(sizes, 1)
        laid_out, scene = cpu_seconds(build_scene, network)
        pruned, _ = cpu_seconds(build_scene, network, BodyParameters(prune_percentage=0.9))
        drawn, _ = cpu_seconds(render, scene)
        memory = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
        row = {"laid out, CPU s": laid_out, "a tenth of it, CPU s": pruned, "drawn, CPU s": drawn, "peak MB": memory}
        result[name] = {"netscope": row}
        print(name, row, flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
