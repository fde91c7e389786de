"""Make the pictures of pages in docs/images: `python docs/screenshots.py [monitor] [page]`. Needs Chromium.

`monitor` shows what `mlservice monitor --html` wrote of the demo's act of watching, in this run; `page` what
`mlservice page` shows of the fleet of its tests, at the time of that fleet: only a change of the page changes them.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from demo_monitoring import PAGE

DOCS = Path(__file__).resolve().parent
SIZE, PAGE_SIZE = "1400,480", "1280,860"
SHOWN = {"fleet": "", "rollout": "waits for data", "drift": "drifts"}
"""Views of the page, each with the state that its service is in."""
SERVICES = 30
SCHEMES = {"dark": 0, "light": 1}
"""As Blink counts them."""


def browser() -> str:
    """Find a browser that takes pictures."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    return found or sys.exit(f"no browser is found: install one of {', '.join(names)}")


def picture(page: Path, image: Path, scheme: int) -> None:
    """Open a page of this disk as somebody would, and keep what is seen."""
    taken(page.as_uri(), image, scheme, SIZE)


def taken(address: str, image: Path, scheme: int, size: str) -> None:
    """Open an address as somebody would, and keep what is seen."""
    image.unlink(missing_ok=True)  # an older picture says nothing of this page
    with tempfile.TemporaryDirectory() as profile:
        command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={scheme}"]
        command += [f"--window-size={size}", f"--screenshot={image}", address]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    if not image.exists():
        sys.exit(f"{command[0]} took no picture of {address}")


def of_the_page() -> None:
    """Serve the fleet of the page's tests, and take its pictures in both colour schemes."""
    sys.path.insert(0, str(DOCS.parent))
    from tests.page.browser import served  # noqa: PLC0415 - of the clone, which is not installed

    with tempfile.TemporaryDirectory() as folder:
        running, made = served(Path(folder), SERVICES)
        for view, state in SHOWN.items():
            place = next((f"s/{key[0]}/{key[1]}/{view}" for key, each in made.states.items() if each == state), "")
            for name, scheme in SCHEMES.items():
                taken(f"{running.address}/{place}", DOCS / "images" / f"page-{view}-{name}.png", scheme, PAGE_SIZE)
        running.stop()


def of_the_monitor() -> None:
    """Tell the act, and take its picture in both colour schemes."""
    subprocess.run([sys.executable, str(DOCS / "demo_monitoring.py")], check=True, stdout=subprocess.DEVNULL)
    for name, scheme in SCHEMES.items():
        picture(PAGE, DOCS / "images" / f"monitor-{name}.png", scheme)


def main() -> None:
    """Take those that are named, or all."""
    browser()
    pictures = {"monitor": of_the_monitor, "page": of_the_page}
    for name in sys.argv[1:] or pictures:
        pictures[name]()


if __name__ == "__main__":
    main()
