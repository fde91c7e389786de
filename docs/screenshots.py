"""Make the pictures of pages in docs/images: `python docs/screenshots.py`. Needs Chromium.

What is shown is what `mlservice monitor --html` wrote of the demo's act of watching, in this run.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from demo_monitoring import PAGE

DOCS = Path(__file__).resolve().parent
SIZE = "1400,480"
SCHEMES = {"dark": 0, "light": 1}
"""As Blink counts them."""


def browser() -> str:
    """Find a browser that takes pictures."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return found or sys.exit(f"no browser is found: install one of {', '.join(names)}")


def picture(page: Path, image: Path, scheme: int) -> None:
    """Open a page as somebody would, and keep what is seen."""
    image.unlink(missing_ok=True)  # an older picture says nothing of this page
    with tempfile.TemporaryDirectory() as profile:
        command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={scheme}"]
        command += [f"--window-size={SIZE}", f"--screenshot={image}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    if not image.exists():
        sys.exit(f"{command[0]} took no picture of {page}")


def main() -> None:
    """Tell the act, and take its picture in both colour schemes."""
    browser()
    subprocess.run([sys.executable, str(DOCS / "demo_monitoring.py")], check=True, stdout=subprocess.DEVNULL)
    for name, scheme in SCHEMES.items():
        picture(PAGE, DOCS / "images" / f"monitor-{name}.png", scheme)


if __name__ == "__main__":
    main()
