"""Hostile values in every place of our Markdown, read by a real parser: text stays text, and all of it is there."""

import re

import pytest
from markdown_it import MarkdownIt

from reconciler.render.safe import code_block, escaped, visible
from tests.comments.hostile import values

PARSER = MarkdownIt("gfm-like", {"linkify": False, "html": True})
"""GitHub's dialect: tables, strikethrough, raw HTML."""
LINKED = re.compile(r"https?://|www\.|ftp://|[\w.+-]+@[\w-]+\.\w", re.IGNORECASE)
CALLED = re.compile(r"(?<![\w`])@[\w-]|#\d|\bGH-\d|(?<!\w)[!%~&$]\d", re.IGNORECASE)
PLAIN = {"text", "softbreak"}


@pytest.fixture(scope="module")
def hostile(request):
    """As many as asked for: `--hostile 10000`."""
    return values(request.config.getoption("--hostile"))


def shown(value):
    """What a reader should see of a value on one line."""
    return " ".join(visible(" ".join(re.split(r"[\r\n\t]+", value))).split())


def text_of(tokens):
    """The text of an inline token's children, without what keeps names from being called."""
    return " ".join("".join(t.content if t.type == "text" else " " for t in tokens).replace("\u200b", "").split())


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        pytest.param("said: ", "", ["paragraph_open", "inline", "paragraph_close"], id="paragraph"),
        pytest.param("### plan: ", "", ["heading_open", "inline", "heading_close"], id="heading"),
        pytest.param(
            "> said: ",
            "",
            ["blockquote_open", "paragraph_open", "inline", "paragraph_close", "blockquote_close"],
            id="quote",
        ),
    ],
)
def test_a_value_on_a_line_is_text_and_nothing_else(hostile, before, after, kinds):
    """No block, no HTML, no link, no image and no emphasis comes of it, and every character is there."""
    for value in hostile:
        tokens = PARSER.parse(f"{before}{escaped(value)}{after}\n\nend\n")
        first = tokens[: len(kinds)]
        assert [t.type for t in first] == kinds, value
        assert tokens[len(kinds)].type == "paragraph_open", value
        children = next(t for t in first if t.type == "inline").children
        assert {t.type for t in children} <= PLAIN, value
        said = before.lstrip("#> ")
        assert text_of(children) == " ".join([*said.split(), *shown(value).split()]), value


def test_a_value_in_a_cell_stays_in_its_cell(hostile):
    """A table has as many cells as before, each with its text."""
    for value in hostile:
        tokens = PARSER.parse(f"| a | b |\n|---|---|\n| {escaped(value)} | {escaped(value)} |\n\nend\n")
        cells = [t for t in tokens if t.type == "inline"]
        assert [t.content for t in cells][-1] == "end", value
        assert len(cells) == 5, value
        for cell in cells[2:4]:
            assert {t.type for t in cell.children} <= PLAIN, value
            assert text_of(cell.children) == shown(value), value


def test_a_value_in_a_block_of_code_cannot_end_it(hostile):
    """The block is one, with the whole value in it, and what follows is outside."""
    for value in hostile:
        tokens = PARSER.parse("\n".join([*code_block(value, "diff"), "", "end"]))
        assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"], value
        assert tokens[0].content.removesuffix("\n") == "\n".join(code_block(value)[1:-1]), value


def test_nothing_is_linked_or_called_by_itself(hostile):
    """Code hosts link addresses in the source, and call names in the rendered text: both are broken."""
    for value in hostile:
        written = escaped(value)
        assert not LINKED.search(written), value
        rendered = text_of_rendered(written)
        assert not CALLED.search(rendered), (value, rendered)


def text_of_rendered(written):
    """What the code host's filters see after rendering."""
    [token] = [t for t in PARSER.parse(f"said: {written}") if t.type == "inline"]
    return "".join(t.content if t.type == "text" else "\n" for t in token.children)


def test_what_is_not_seen_is_shown():
    """Text that is turned around, or has nothing to see, cannot say something else than it does."""
    assert visible("a\u202eb\u200bc\x1b[31m\x00") == "a\\u202eb\\u200bc\\u001b[31m\\u0000"
    assert escaped("\ud800") == "\ufffd"
