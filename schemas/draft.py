"""A document as written, before an environment is chosen; and which documents of a file are ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schemas.files import SpecFile, read_bytes
from schemas.operator import KIND as OPERATOR
from schemas.operator import Operator
from schemas.patch import merge
from schemas.place import Document
from schemas.problems import Problem, Severity, SourceRef
from schemas.refusal import shown
from schemas.service import API_VERSION, KIND, MLService
from schemas.spelling import closest
from schemas.yaml.reader import Flaw, read_documents
from schemas.yaml.tree import Mapping, Mark, Node, Scalar, get

_OURS = b"mlservice/v"  # a broken file of a folder is ours if it says this anywhere


@dataclass(frozen=True, slots=True)
class Draft:
    """One document of a file.

    Attributes:
        path: The file.
        root: What is written.
        flawed: The file's text is wrong somewhere: this may be only a part of what was meant.
    """

    path: Path
    root: Mapping
    flawed: bool = False

    @property
    def base(self) -> Document:
        """The document without its environments."""
        return Document(str(self.path), _without(self.root, "environments"))

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the environments, in the file's order."""
        section = get(self.root, "environments")
        return tuple(section.entries) if isinstance(section, Mapping) else ()

    @property
    def describes(self) -> type[MLService] | type[Operator]:
        """What the document describes; a kind that is not known is refused as one of a service."""
        kind = get(self.root, "kind")
        return Operator if isinstance(kind, Scalar) and str(kind.value) == OPERATOR else MLService

    def patch(self, environment: str) -> Node | None:
        """What an environment changes."""
        return get(get(self.root, "environments"), environment)

    def project(self, environment: str | None) -> str | None:
        """The project an environment names."""
        project = get(self.patch(environment), "project") if environment else None
        return str(project.value) if isinstance(project, Scalar) and project.value is not None else None

    def with_environment(self, environment: str) -> Document:
        """The document with an environment's patch applied."""
        base, patch = self.base.root, self.patch(environment)
        root = merge(base, _without(patch, "project")) if isinstance(patch, Mapping) else base
        return Document(str(self.path), root if isinstance(root, Mapping) else base, environment)


def _without(mapping: Mapping, key: str) -> Mapping:
    entries = {name: entry for name, entry in mapping.entries.items() if name != key}
    return Mapping(mapping.mark, entries, mapping.size)


def drafts_of(file: SpecFile, problems: list[Problem]) -> Iterator[Draft]:
    """The documents of a file that are ours; what is wrong with the others goes to `problems`.

    Raises:
        SpecError: The file cannot be read.
    """
    content = read_bytes(file)
    roots, flaws = read_documents(content)
    if not file.named and _OURS not in content:
        problems.append(_skipped(file))
        return
    problems += [_from_flaw(file, flaw) for flaw in flaws]
    if not roots and not flaws:
        hint = f"a spec begins with `apiVersion: {API_VERSION}`"
        problems.append(Problem(file.place, "the file is empty", hint, rule="empty-file"))
    for root in roots:
        if problem := _not_ours(file, root):
            problems.append(problem)
        elif isinstance(root, Mapping):
            yield Draft(file.path, root, flawed=bool(flaws))


def _skipped(file: SpecFile) -> Problem:
    hint = f"a spec begins with `apiVersion: {API_VERSION}`"
    return Problem(file.place, "skipped: not a spec", hint, Severity.WARNING, "skipped-file")


def _from_flaw(file: SpecFile, flaw: Flaw) -> Problem:
    return Problem(_at(file, flaw.mark), flaw.summary, flaw.hint, rule=flaw.rule)


def _at(file: SpecFile, mark: Mark | None, path: str = "") -> SourceRef:
    return SourceRef(str(file.path), mark.line if mark else 0, mark.column if mark else 0, path)


def _not_ours(file: SpecFile, root: Node) -> Problem | None:
    """Why a document is none of ours: an error in a file the user named, or that claims to be ours."""
    hint = f"a spec begins with `apiVersion: {API_VERSION}` and `kind: {KIND}`"
    severity = Severity.ERROR if file.named else Severity.WARNING
    if not isinstance(root, Mapping):
        return Problem(_at(file, root.mark), "the document is not a mapping", hint, severity, "not-a-spec")
    version = get(root, "apiVersion")
    if version is None:
        return Problem(_at(file, root.mark, "apiVersion"), "is missing", hint, severity, "not-a-spec")
    text = str(version.value) if isinstance(version, Scalar) else ""
    if text == API_VERSION:
        return None
    ours = text.startswith("mlservice") or closest(text, [API_VERSION])
    severity = Severity.ERROR if ours else severity
    return Problem(
        _at(file, version.mark, "apiVersion"), f"{shown(text)} is not {API_VERSION}", hint, severity, "not-a-spec"
    )
