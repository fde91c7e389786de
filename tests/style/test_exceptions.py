"""Who switches a check off for a line says which one, and why."""

import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LATER: tuple[str, ...] = ()
"""Folders whose exceptions have no reasons yet: none."""

OFF = re.compile(r"noqa\b|type:\s*ignore\b")
RULES = r"[A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)*"
EXPLAINED = (
    re.compile(rf"# (?:ruff: )?noqa: {RULES} - \S.+"),
    re.compile(r"# type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]  # (?!noqa)\w.+"),
)


def unexplained(path: Path) -> Iterator[str]:
    """Give the places of a file where a check is off without a reason."""
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            off = token.type == tokenize.COMMENT and OFF.search(token.string)
            if off and not any(pattern.search(token.string) for pattern in EXPLAINED):
                yield f"{path}:{token.start[0]}: {token.string}"


def test_every_exception_has_a_reason():
    """`# noqa: RULE - why` and `# type: ignore[rule]  # why`."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    files = [ROOT / name for name in listed if not name.startswith(LATER) and (ROOT / name).is_file()]

    assert [place for path in files if OFF.search(path.read_text()) for place in unexplained(path)] == []


@pytest.mark.parametrize(
    ("comment", "explained"),
    [
        pytest.param("# noqa: S310 - our own servers", True, id="a-rule-and-why"),
        pytest.param("# noqa: E501, FBT003 - one record, one line", True, id="two-rules"),
        pytest.param("# ruff: noqa: T201 - prints a table", True, id="a-whole-file"),
        pytest.param("# type: ignore[arg-type]  # google-auth is half typed", True, id="a-type"),
        pytest.param("# noqa", False, id="every-rule"),
        pytest.param("# noqa: S310", False, id="no-reason"),
        pytest.param("# noqa: S310 -", False, id="an-empty-reason"),
        pytest.param("# type: ignore", False, id="every-type-rule"),
        pytest.param("# type: ignore[arg-type]", False, id="no-reason-for-a-type"),
        pytest.param("# type: ignore[arg-type]  # noqa: S310", False, id="a-rule-is-no-reason"),
    ],
)
def test_what_a_reason_is(tmp_path, comment, explained):
    """Words after the rule's name."""
    (tmp_path / "code.py").write_text(f"x = 1  {comment}\n")

    found = [*unexplained(tmp_path / "code.py")]

    assert len(found) == (0 if explained else 1)
