"""HTML read strictly: what a browser would repair is a mistake here."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"col", "meta", "link", "input", "br", "img", "hr"}
PHRASING_ONLY = {
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "summary",
    "button",
    "code",
    "small",
    "span",
    "strong",
    "a",
    "dt",
    "label",
}
BLOCKS = {
    "p",
    "div",
    "ul",
    "ol",
    "dl",
    "table",
    "section",
    "h1",
    "h2",
    "h3",
    "figure",
    "form",
    "nav",
    "main",
    "details",
}
ALLOWED = (
    {"svg", "line", "polyline", "polygon", "rect", "circle", "text", "path", "defs", "pattern"}
    | VOID
    | PHRASING_ONLY
    | BLOCKS
)
ALLOWED |= {"html", "head", "body", "title", "script", "header", "footer", "li", "dd", "thead", "tbody", "tfoot", "tr"}
ALLOWED |= {"th", "td", "caption", "select", "option", "time", "kbd", "b", "figcaption", "colgroup"}
PARENTS = {
    "li": {"ul", "ol"},
    "tr": {"thead", "tbody", "tfoot"},
    "td": {"tr"},
    "th": {"tr"},
    "thead": {"table"},
    "tbody": {"table"},
    "tfoot": {"table"},
    "caption": {"table"},
    "option": {"select"},
    "dt": {"dl", "div"},
    "dd": {"dl", "div"},
    "summary": {"details"},
    "figcaption": {"figure"},
}


@dataclass
class Element:
    """One element, with its text and what it holds."""

    name: str
    attributes: dict
    parent: "Element | None" = None
    children: list = field(default_factory=list)
    own: list = field(default_factory=list)

    @property
    def text(self):
        """All text in it, in order."""
        return "".join(each if isinstance(each, str) else each.text for each in self.own)

    def all(self, name=None, **attributes):
        """Everything in it of a name, with attributes (`class_` for a class among several)."""
        found = []
        for each in self.children:
            if (name is None or each.name == name) and each.has(attributes):
                found.append(each)
            found += each.all(name, **attributes)
        return found

    def has(self, wanted):
        """Whether it has these attributes."""
        for key, value in wanted.items():
            held = self.attributes.get(key.rstrip("_").replace("_", "-"))
            if held is None or (value is not True and value not in (held.split() if key == "class_" else [held])):
                return False
        return True

    def inside(self, name):
        """Whether an element of that name is around it."""
        return self.parent is not None and (self.parent.name == name or self.parent.inside(name))


class Reader(HTMLParser):
    """Builds the tree, and notes what is wrong."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})
        self.mistakes = []
        self.ids = set()

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        self._note(len(names) != len(set(names)), f"<{tag}> says an attribute twice: {names}")
        self._note(tag not in ALLOWED, f"<{tag}> is nothing that templates write")
        self._note(any(name.startswith("on") or name == "style" for name in names), f"<{tag}> has {names}")
        attributes = {name: value or "" for name, value in attrs}
        self._note(attributes.get("id") in self.ids, f"id {attributes.get('id')} stands twice")
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        self._note(tag in PARENTS and self.here.name not in PARENTS[tag], f"<{tag}> in <{self.here.name}>")
        self._note(tag in BLOCKS and self.here.name in PHRASING_ONLY, f"<{tag}> in <{self.here.name}>")
        self._note(tag == "a" and self.here.inside("a"), "a link in a link")
        element = Element(tag, attributes, self.here)
        self.here.children.append(element)
        self.here.own.append(element)
        if tag not in VOID:
            self.here = element

    def handle_endtag(self, tag):
        self._note(self.here.name != tag, f"</{tag}> closes <{self.here.name}>")
        if self.here.parent is not None:
            self.here = self.here.parent

    def handle_data(self, data):
        self.here.own.append(data)
        script = self.here.name == "script" and self.here.attributes.get("type") != "application/json"
        self._note(script and data.strip(), "an inline script")

    def handle_comment(self, data):
        self.mistakes.append(f"a comment: {data[:40]}")

    def handle_pi(self, data):
        self.mistakes.append(f"a processing instruction: {data[:40]}")

    def unknown_decl(self, data):
        self.mistakes.append(f"a declaration: {data[:40]}")

    def _note(self, wrong, text):
        if wrong:
            self.mistakes.append(text)


def read(html):
    """Read a page; its tree, and every mistake in it."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    if reader.here is not reader.root:
        reader.mistakes.append(f"<{reader.here.name}> is not closed")
    dangling = [
        value
        for each in reader.root.all()
        for name in ("aria-labelledby", "aria-describedby", "for")
        for value in each.attributes.get(name, "").split()
        if value not in reader.ids
    ]
    return reader.root, reader.mistakes + [f"nothing has the id {each}" for each in dangling]


def skeleton(element, depth=0):
    """Say what a page is made of: elements, roles and labels, each sort of row or item once."""
    lines, seen = [], set()
    for each in element.children:
        said = {
            key: each.attributes[key]
            for key in ("class", "role", "aria-label", "scope", "data-label")
            if key in each.attributes
        }
        if each.name in {"tr", "li"}:
            said.pop("class", None)
        line = f"{'  ' * depth}{each.name}{''.join(f' {key}={value}' for key, value in sorted(said.items()))}"
        below = skeleton(each, depth + 1)
        whole = "\n".join([line, *below])
        if whole not in seen:
            lines += [line, *below]
        seen.add(whole)
    return lines
