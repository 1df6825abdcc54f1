"""Pictures are the same each time, whatever the machine; what is important is on top."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netscope.analyse.body.camera import PRESETS
from netscope.analyse.body.colours import class_colours
from netscope.analyse.body.network import Network
from netscope.errors import NotFoundError, UsageError
from netscope.formats.png_reader import decode
from netscope.scenes.build import build_scene
from netscope.scenes.parameters import BodyParameters
from netscope.scenes.picture_files import write_picture, write_turntable
from netscope.scenes.random_network import random_network
from netscope.scenes.render import node_positions, preset, render
from netscope.scenes.style import Look, Style

SCENE = build_scene(random_network((25, 9, 3), 2))
SIZE = (160, 90)


def test_the_same_scene_gives_the_same_picture() -> None:
    first, second = render(SCENE, SIZE), render(SCENE, SIZE)
    assert first.shape == (90, 160, 3)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("size", [(160, 90), (90, 160)])
def test_every_camera_sees_the_whole_body_as_large_as_it_fits(number: int, size: tuple[int, int]) -> None:
    pixels, depth = preset(SCENE, number, size[0] / size[1]).project(node_positions(SCENE), *size)
    assert depth.min() > 0
    shares = (pixels.max(0) - pixels.min(0)) / size
    assert 0.8 < shares.max() <= 0.91, PRESETS[number]
    assert (pixels.min(0) > 0).all()
    assert (pixels.max(0) < size).all()


def one_edge(importance: float = 1.0, classes: int = 1) -> Network:
    nodes = np.full((1, classes), importance, np.float32)
    return Network((nodes, nodes), (np.ones((1, 1), np.float32),))


def test_a_straight_edge_covers_its_length_times_its_width() -> None:
    scene = build_scene(one_edge())
    flat = Look(size=0.02, depth_opacity=0)
    style = Style(transparent=True, supersample=1, nodes=Look(size=0.0001), edges=flat)
    camera = preset(scene, 1, 1.0)
    pixels, depth = camera.project(node_positions(scene), 200, 200)
    length = abs(pixels[1, 0] - pixels[0, 0])
    width = 2 * 0.02 * camera.focal * 200 / depth.mean()
    covered = render(scene, (200, 200), 1, style)[..., 3].sum() / 255
    assert covered == pytest.approx(length * width, rel=0.03)


def test_half_an_opacity_is_half_covered_everywhere_along_a_bent_edge() -> None:
    """No pixel is covered twice where segments meet."""
    network = random_network((6, 6), 4)
    scene = build_scene(network, BodyParameters(prune_percentage=0.0, edge_bandwidth=0.5))
    scene.edge_importance[1:] = 0
    look = Look(size=0.03, importance_opacity=0.5, base_opacity=0, depth_opacity=0)
    scene.edge_importance[0] = 0.5
    scene.node_importance[:] = 0
    style = Style(transparent=True, supersample=1, nodes=Look(size=0.0001), edges=look)
    alpha = render(scene, (300, 300), 1, style)[..., 3]
    assert alpha.max() == pytest.approx(255 * 0.75, abs=1.5)


def test_a_node_in_front_hides_an_edge_and_a_class_alone_is_its_colour() -> None:
    scene = build_scene(one_edge())
    style = Style(nodes=Look(size=0.3, depth_opacity=0, base_opacity=1), edges=Look(size=0.05))
    picture = render(scene, (200, 200), 0, style)  # along the edge
    centre = picture[100, 100].astype(float)
    hue = class_colours(1, "light")[0] * 255
    assert np.argsort(centre).tolist() == np.argsort(hue).tolist()


def test_classes_that_are_not_shown_disappear() -> None:
    empty = render(build_scene(random_network((2, 2), 0), BodyParameters(prune_percentage=1.0)), SIZE, classes=["1"])
    everything = render(SCENE, SIZE)
    one = render(SCENE, SIZE, classes=["0"])
    background = one[0, 0].astype(int)
    ink = [np.abs(picture.astype(int) - background).sum() for picture in (everything, one, empty)]
    assert ink[0] > ink[1] > 0
    with pytest.raises(NotFoundError, match="no class 'cat'; the scene has: 0, 1, 2"):
        render(SCENE, SIZE, classes=["cat"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (0, 10)}, "size is 0x10"), ({"size": (100_000, 100_000)}, "size is 100000x100000"),
        ({"camera": 10}, "camera is 10"), ({"style": Style(supersample=9)}, "supersample is 9"),
        ({"style": Style(edges=Look(size=-1))}, "size of edges is -1"),
    ],
    ids=range(5),
)  # fmt: skip
def test_what_cannot_be_drawn_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        render(SCENE, **arguments)  # type: ignore[arg-type]


def test_a_picture_is_a_png_file(tmp_path: Path) -> None:
    write_picture(SCENE, tmp_path / "body.png", SIZE)
    np.testing.assert_array_equal(decode((tmp_path / "body.png").read_bytes()), render(SCENE, SIZE))
    with pytest.raises(UsageError, match=r"a picture is a \.png file"):
        write_picture(SCENE, tmp_path / "body.jpg", SIZE)


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_a_turntable_has_a_picture_for_each_moment(tmp_path: Path, kind: str) -> None:
    write_turntable(SCENE, tmp_path / f"body.{kind}", SIZE, seconds=0.5, fps=10)
    with Image.open(tmp_path / f"body.{kind}") as film:
        assert film.n_frames == 5
    with pytest.raises(UsageError, match="2 to 3,600 pictures"):
        write_turntable(SCENE, tmp_path / "body.gif", SIZE, seconds=1e9)
