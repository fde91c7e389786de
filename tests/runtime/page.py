"""The calls that docs/runtime.md shows, for the tests that run them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def examples(language: str, port: int) -> list[str]:
    """Give the code blocks of the section on calls, with another port than the 8080 of the page."""
    page = (ROOT / "docs" / "runtime.md").read_text()
    section = page.split("\n## Calls\n")[1].split("\n## ")[0]
    return [block.replace("8080", str(port)) for block in re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)]


def promised(code: str) -> list[str]:
    """What a block of Python prints, by its comments behind `print`."""
    return re.findall(r"print\(.*\)  # (.*)", code)
