"""The pages agree with the program: commands exist, links lead somewhere, generated pages are current."""

import re
import shlex
from pathlib import Path

import pytest

from reconciler.cli import permissions
from reconciler.cli.manual import FILE, commands, manual
from reconciler.core.coverage import ENGINE
from reconciler.kinds import KINDS
from schemas import MLService

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "specs/*/README.md", "benchmarks/**/*.md", "changes/README.md")
    for path in ROOT.glob(pattern)
    if ".peers" not in path.parts  # what benchmarks install
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
KNOWN = dict(commands())
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def name_of(page):
    """A page as people name it."""
    return str(page.relative_to(ROOT))


def test_permissions_are_what_the_kinds_say():
    """`python -m reconciler.cli.permissions` writes it."""
    assert (ROOT / permissions.FILE).read_text() == permissions.page()


def test_the_committed_commands_page_is_current():
    """`python -m reconciler.cli.manual` writes it."""
    assert (ROOT / FILE).read_text() == manual()


def test_groups_below_groups_are_on_the_page():
    """`emulator iam` is one: what can be typed below it is explained as everything else."""
    assert {"emulator iam enforce", "emulator iam relax", "emulator iam status"} <= {*KNOWN}


@pytest.mark.parametrize("name", KNOWN)
def test_every_command_and_option_is_explained(name):
    """Nothing is left without a word about it."""
    command = KNOWN[name]

    assert command.help
    assert [p.name for p in command.params if not p.help] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_within_the_repository_resolves(page):
    """A reader who clicks gets somewhere."""
    targets = [(a or b).partition("#")[0] for a, b in LINK.findall(without_code(page.read_text()))]

    assert [t for t in targets if t and "://" not in t and not (page.parent / t).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_shown_exists(page):
    """What people copy from a page is accepted by the program: commands, options, make targets."""
    wrong = [
        line for line in shown(page.read_text()) if not exists(shlex.split(line.partition("  #")[0], comments=True))
    ]

    assert wrong == []


def test_the_pages_can_be_found():
    """The README leads to the tutorial, the reference and the commands."""
    readme = (ROOT / "README.md").read_text()

    assert all(page in readme for page in ("docs/tutorial.md", "docs/reference.md", "docs/commands.md", "docs/how-to/"))
    assert "@" not in re.findall(r"^@.*@$", readme, re.MULTILINE)


def test_the_readme_says_what_is_not_acted_on():
    """The sections of a spec that nothing acts on are named there, and what is acted on has its command above."""
    sections = type_of_specs().model_fields
    acted_on = {path.partition(".")[0] for path in ENGINE.union(*(kind.acts_on for kind in KINDS))}
    done, _, missing = (ROOT / "README.md").read_text().partition("## What it does not do yet")

    assert {field.alias or name for name, field in sections.items()} - acted_on == set()
    assert "pairs of answers" in missing
    assert "budget.actions" not in missing
    known = (
        "doctor",
        "plan",
        "comment",
        "apply",
        "retrain",
        "models promote",
        "promote",
        "reconcile",
        "install",
        "image push",
        "serve",
        "rollout",
        "simulate",
        "advise",
    )
    assert [name for name in known if name not in KNOWN or f"`mlservice {name}" not in done] == []


def type_of_specs():
    """The model of `spec`."""
    return MLService.model_fields["spec"].annotation


def without_code(text):
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def shown(text):
    """Lines of our own commands in code blocks, and in `spans`."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.strip().removeprefix("$ ").removeprefix("run: ") for block in blocks for line in block.splitlines()]
    spans = re.findall(r"`((?:mlservice|make) [^`]+)`", without_code(text))
    ours = [part.strip() for line in [*lines, *spans] for part in re.split(r" && | \| |\$\(|\)", line)]
    return [part for part in ours if part.startswith(("mlservice ", "make "))]


def exists(words):
    """Whether the program takes these words; arguments may be anything."""
    if words[0] == "make":
        return all(word in TARGETS for word in words[1:] if word.isalpha())
    if words[1].startswith("-"):
        return words[1] in {"--help", "--version", "--install-completion", "--local"}
    name = next((name for n in (4, 3) if (name := " ".join(words[1:n])) in KNOWN), words[1])
    if name not in KNOWN:
        return name.isupper()
    options = {o for parameter in KNOWN[name].params for o in parameter.opts} | {"--help", "--"}
    given = [word.partition("=")[0] for word in words[2:] if word.startswith("-") and word != "-"]
    return all(option in options for option in given)
