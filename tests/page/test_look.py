"""The page compared with reviewed screenshots (`make pictures` after an intended change).

Pictures are compared coarsely, in blocks: fonts and their smoothing differ between machines, a chart that is empty, a
column that is gone or a colour that changed does not hide in that.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.page.conftest import PATIENCE_MS, Opener, Site, ready

KNOWN = Path(__file__).parent / "pictures"
BLOCK_PX = 16
FAR = 32  # of 255: another colour
NOW_MS = 1_760_100_000_000  # a day after the runs of `known` were made


def picture(page: Page, path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """A screenshot as mean colours of blocks, 0-255."""
    page.screenshot(path=path)
    with Image.open(path) as image:
        width, height = image.size
        small = image.convert("RGB").resize((width // BLOCK_PX, height // BLOCK_PX), Image.Resampling.BOX)
    return np.asarray(small, np.float64)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["runs", "curves"])
def test_a_view_looks_like_its_reference_picture(
    opened: Opener, known: Site, tmp_path: Path, view: str, scheme: str
) -> None:
    page = opened(color_scheme=scheme, timezone_id="UTC")
    if view == "runs":  # says how long ago; charts measure their own time, which a fixed clock would stop
        page.clock.set_fixed_time(NOW_MS)
    page.goto(f"{known.url}{view}")
    ready(page)
    kept = KNOWN / f"{view}-{scheme}.png"
    if os.environ.get("NETSCOPE_PICTURES") == "write":
        page.wait_for_timeout(1000)
        kept.parent.mkdir(exist_ok=True)
        Image.fromarray(picture(page, tmp_path / "found.png").astype(np.uint8)).save(kept)
    with Image.open(kept) as image:
        expected = np.asarray(image.convert("RGB"), np.float64)
    difference = np.full(expected.shape[:2], 255.0)
    for _ in range(PATIENCE_MS // 1000):  # curves and letters may come after the rest
        found = picture(page, tmp_path / "found.png")
        assert found.shape == expected.shape
        difference = np.abs(found - expected).max(axis=2)
        if is_alike(difference):
            break
        page.wait_for_timeout(1000)
    assert is_alike(difference), (
        f"{difference.mean():.1f} of 255 on average, {(difference > FAR).mean():.1%} of the picture is another"
    )


def is_alike(difference: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> bool:
    """Whether two pictures are the same, by the differences of their blocks, 0-255."""
    return bool(difference.mean() < 3 and (difference > FAR).mean() < 0.01)
