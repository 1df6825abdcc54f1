"""Make the pictures of README and docs: the real demo trains, a real browser looks at it.

python scripts/screenshot.py [FOLDER]     docs/images unless given
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.find_browser import find_browser  # noqa: E402 - found through the line above

EPOCHS = 20
VIEWS = ("overview", "curves", "layers", "media", "runs")
FLAGS = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb", "--disable-quic"]
FLAGS += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
COLOURS = 256  # a page has few; the files stay small enough for git


def shoot(page: Page, url: str, target: Path) -> None:
    """One picture of a view that has come to rest."""
    page.goto(url)
    page.locator(".link.connected").wait_for(state="attached")
    page.wait_for_timeout(3000)
    with tempfile.NamedTemporaryFile(suffix=".png") as whole:
        page.screenshot(path=whole.name)
        picture = Image.open(whole.name).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target} {target.stat().st_size / 1000:.0f} kB", flush=True)


def main(folder: Path) -> None:
    """Train, look while it trains and after."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        command = [sys.executable, "-m", "netscope.cli", "demo", "--port", "0", "--no-browser", "--epochs", str(EPOCHS)]
        demo = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True)
        try:
            assert demo.stdout
            url = re.findall(r"http://\S+", demo.stdout.readline())[0]
            for line in demo.stdout:
                if line.startswith(f"epoch {EPOCHS // 2} "):
                    break
            browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
            page = browser.new_page(viewport={"width": 1360, "height": 850}, locale="en-US", reduced_motion="reduce")
            for view in VIEWS:
                shoot(page, f"{url}{view}", folder / f"{view}.png")
            page.emulate_media(color_scheme="dark")
            shoot(page, f"{url}layers", folder / "layers-dark.png")
            browser.close()
        finally:
            demo.terminate()
            demo.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images")
