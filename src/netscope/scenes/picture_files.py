"""Write pictures of a scene, and films in which it turns: PNG, GIF, animated PNG, MP4."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from netscope.analyse.body.camera import DEFAULT
from netscope.analyse.body.placement import Report
from netscope.errors import StorageError, UsageError
from netscope.formats import png_writer
from netscope.optional import extra
from netscope.scenes.build import silent
from netscope.scenes.render import Picture, preset, render
from netscope.scenes.scene import Scene
from netscope.scenes.style import Style

MOST_FRAMES = 3600


def write_picture(scene: Scene, output: Path, size: tuple[int, int], **drawn: Any) -> None:
    """Draw a scene as a PNG file; the arguments are those of `render`.

    Raises:
        UsageError: The name does not end in .png.
        StorageError: The file cannot be written.
    """
    if output.suffix.lower() != ".png":
        raise UsageError(f"a picture is a .png file, got {output.name!r}")
    _write(output, png_writer.encode(render(scene, size, **drawn)))


def write_turntable(
    scene: Scene,
    output: Path,
    size: tuple[int, int],
    *,
    seconds: float,
    fps: int = 24,
    camera: int = DEFAULT,
    style: Style = Style(),  # noqa: B008  (it is frozen)
    classes: Collection[str] = (),
    report: Report = silent,
) -> None:
    """Draw a scene that turns once, as .gif, animated .png or .mp4.

    Raises:
        UsageError: The kind of file, duration or rate is invalid.
        MissingExtraError: Pillow, or PyAV for .mp4, is not installed.
        StorageError: The file cannot be written.
    """
    n_frames = round(seconds * fps) if 0 < seconds <= MOST_FRAMES and 1 <= fps <= 120 else 0
    if not 2 <= n_frames <= MOST_FRAMES:
        raise UsageError(
            f"a turntable of {seconds:g} s at {fps} pictures per second; it has 2 to {MOST_FRAMES:,} pictures"
        )
    kind = output.suffix.lower()
    if kind not in (".gif", ".png", ".mp4"):
        raise UsageError(f"a turntable is a .gif, .png or .mp4 file, got {output.name!r}")
    if style.transparent and kind != ".png":
        raise UsageError(f"{kind} files have no transparency; write a .png file")
    writer = extra(f"writing {kind} files", "av" if kind == ".mp4" else "PIL.Image", "video")

    def frames() -> Iterator[Picture]:
        turns = 2 * np.pi * np.arange(n_frames) / n_frames
        cameras = [preset(scene, camera, size[0] / size[1], turn) for turn in turns]
        farthest = max(float(np.linalg.norm(one.eye)) for one in cameras)  # the same for all, so that nothing pulses
        for number, one in enumerate(cameras):
            yield render(scene, size, one._replace(eye=-one.axes[2] * farthest), style, classes)
            report(number + 1, n_frames, "pictures")

    try:
        (_write_film if kind == ".mp4" else _write_animation)(writer, frames(), output, fps)
    except OSError as error:
        raise StorageError(f"cannot write {str(output)!r}: {error.strerror or error}") from error


def _write_animation(pillow: Any, frames: Iterator[Picture], output: Path, fps: int) -> None:
    first, *others = (pillow.fromarray(one) for one in frames)
    more = {"optimize": True} if output.suffix.lower() == ".gif" else {}
    first.save(output, save_all=True, append_images=others, duration=1000 / fps, loop=0, **more)


def _write_film(av: Any, frames: Iterator[Picture], output: Path, fps: int) -> None:
    with av.open(str(output), "w") as container:
        stream = None
        for picture in frames:
            even = np.ascontiguousarray(picture[: len(picture) // 2 * 2, : picture.shape[1] // 2 * 2])  # of H.264
            if stream is None:
                stream = container.add_stream("libx264", rate=fps, options={"crf": "18", "preset": "medium"})
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuv420p"
            for packet in stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")):
                container.mux(packet)
        if stream is not None:
            for packet in stream.encode():
                container.mux(packet)


def _write(output: Path, data: bytes) -> None:
    try:
        output.write_bytes(data)
    except OSError as error:
        raise StorageError(f"cannot write {str(output)!r}: {error.strerror or error}") from error
