"""Make the recording in the README: `python docs/record.py` runs the commands and writes docs/images/demo.svg.

What is shown is what the commands printed in this run, on the emulator, with long stretches cut.
"""

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 120
SPLIT = """  rollout: {strategy: Manual}
  traffic:
    - {version: stable, percent: 80}
    - {version: latest, percent: 20, tag: candidate}
"""
SPINNER = re.compile(r"\s*[\u2800-\u28ff] ")
CUT = "      ⋮"


def on_terminal(command: str) -> str:
    """Run a command as on a terminal, colours and all."""
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "reconciler.cli", *command.split()[1:]]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other side closed it
                break
    os.close(ours)
    if process.returncode not in {0, 2}:
        sys.exit(f"{command} failed:\n{shown.decode()}")
    return shown.decode().replace("\r\n", "\n")


def plain(line: str) -> str:
    """A line without its colours and the spinner's cursor movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)


def cut(text: str, keep: str) -> list[str]:
    """Keep the lines that match; where others were, one mark."""
    lines: list[str] = []
    for line in text.splitlines():
        parts = [part for part in line.split("\r") if plain(part).strip() and not SPINNER.match(plain(part))]
        wanted = [part for part in parts if re.search(keep, plain(part))]
        if wanted:
            lines.append(re.sub(r"\x1b\[[0-9;?]*[A-HJ-Zhl]", "", wanted[-1]))
        elif parts and (not lines or lines[-1] != CUT):
            lines.append(CUT)
    return lines


def scene(console: Console, command: str, keep: str = ".") -> None:
    """Run a command and show the interesting part of what it printed."""
    console.print(Text.assemble(("$ ", "green"), (command, "bold")))
    for line in cut(on_terminal(command), keep):
        console.print(Text.from_ansi(line), soft_wrap=True, overflow="ellipsis", no_wrap=True, crop=True)
    console.print()


def play(console: Console, folder: Path) -> None:
    """Tell the story."""
    spec = folder / "scorer" / "mlservice.yaml"
    scene(
        console,
        "mlservice apply scorer -e dev --local --yes",
        r"^LOCAL|^  [+✓]|model\.features|image  |model\.uri|traffic|^Plan|done",
    )
    scene(console, "mlservice predict tumour-scorer scorer/rows.json --local", r"^(0.999|1)")
    text = spec.read_text().replace("./model-v1 ", "./model-v2 ").replace("version: v1", "version: v2")
    spec.write_text(text.replace("  rollout: {strategy: AllAtOnce}\n", SPLIT))
    note = "# edit: model v2, strategy Manual, 80% stable, 20% latest"
    console.print(Text(note, "dim"))
    scene(console, "mlservice plan scorer -e dev --local", r"^  [+~]|→|^Plan")
    scene(console, "mlservice apply scorer -e dev --local --yes", r"✓|done")
    scene(console, "mlservice status tumour-scorer --local", r"^tumour|url|tag|revision|tumour-scorer-0")


def main() -> None:
    """Record in a folder of its own."""
    console = Console(record=True, width=WIDTH, file=Path(os.devnull).open("w"), force_terminal=True)  # noqa: SIM115 - for the whole run
    with tempfile.TemporaryDirectory(prefix="mlservice-record-") as name:
        folder = Path(name)
        shutil.copytree(ROOT / "specs" / "breast-cancer", folder / "scorer")
        os.environ.update({"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": str(WIDTH)})
        os.chdir(folder)
        on_terminal("mlservice emulator start")
        try:
            play(console, folder)
        finally:
            on_terminal("mlservice emulator stop")
    IMAGE.parent.mkdir(exist_ok=True)
    console.save_svg(str(IMAGE), title="mlservice on the embedded emulator", unique_id="mlservice")
    print(f"wrote {IMAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
