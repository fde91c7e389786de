"""Whether an unpacked source can become a function: what a build would say of it, found without running any of it.

Source of the words: GoogleCloudPlatform/buildpacks issue 605 for a missing main.py; pip's own for a requirement.
"""

import hashlib
import sys
import warnings
from importlib import metadata
from pathlib import Path

MAIN = "main.py"
SOURCE_VARIABLE = "GOOGLE_FUNCTION_SOURCE"
REQUIREMENTS = "requirements.txt"
NO_MAIN = (
    "missing main.py and GOOGLE_FUNCTION_SOURCE not specified. Either create the function in main.py or specify "
    "GOOGLE_FUNCTION_SOURCE to point to the file that contains the function"
)
NOT_FOUND = "file specified by GOOGLE_FUNCTION_SOURCE={name!r} but does not exist"
NO_FRAMEWORK = "functions-framework is not installed beside the emulator: pip install 'mlservice[functions]'"
REMEMBERED = 10_000
_SOUND: set[bytes] = set()
"""Digests of files that are Python. Most of a source was built before, and to compile all of it again holds up every
other call of the emulator for as long as the rest of the build takes."""
HINT = "The emulator installs nothing: functions have what is installed beside it."


class BuildError(Exception):
    """A source that does not build; the text is what the build says."""


def check(folder: Path, source: str) -> str:
    """Check a source; returns the file that holds the function.

    Args:
        folder: Where it lies unpacked.
        source: The file as the build's environment names it, or empty: `main.py`.

    Raises:
        BuildError: It does not build.
    """
    name = source or MAIN
    main = folder / name
    if not main.is_file() or not main.resolve().is_relative_to(folder.resolve()):
        raise BuildError(NOT_FOUND.format(name=source) if source else NO_MAIN)
    for path in sorted(folder.rglob("*.py")):
        check_syntax(path, path.relative_to(folder).as_posix())
    if not is_installed("functions-framework") or not is_installed("packaging"):
        raise BuildError(NO_FRAMEWORK)
    if (folder / REQUIREMENTS).is_file():
        check_requirements((folder / REQUIREMENTS).read_text(errors="replace"))
    return name


def check_syntax(path: Path, name: str) -> None:
    """A file that is Python.

    Raises:
        BuildError: It is not.
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).digest()
    if digest in _SOUND:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the function's own code: its matter, when it runs
            compile(content, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise BuildError(f'File "{name}", line {error.lineno}: {type(error).__name__}: {error.msg}') from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise BuildError(f'File "{name}": {type(error).__name__}: {error}') from error
    if len(_SOUND) >= REMEMBERED:
        _SOUND.clear()
    _SOUND.add(digest)


def check_requirements(text: str) -> None:
    """Requirements that are met by what is installed.

    Raises:
        BuildError: One is not, or cannot be read.
    """
    for line in text.splitlines():
        wanted = line.partition(" #")[0].strip()
        if wanted and not wanted.startswith("#"):
            check_requirement(wanted)


def check_requirement(wanted: str) -> None:
    """One line of a requirements file; options and links to packages are more than the emulator can promise."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - of the extra `functions`

    try:
        requirement = Requirement(wanted)
    except InvalidRequirement as error:
        raise BuildError(f"ERROR: Invalid requirement: {wanted!r}: {error}. {HINT}") from error
    if requirement.marker is not None and not requirement.marker.evaluate():
        return
    if requirement.url or not is_installed(requirement.name):
        raise BuildError(f"ERROR: No matching distribution found for {wanted}. {HINT}")
    version = metadata.version(requirement.name)
    if not requirement.specifier.contains(version, prereleases=True):
        text = f"ERROR: Could not find a version that satisfies the requirement {wanted} (from versions: {version})"
        raise BuildError(f"{text}. {HINT}")


def is_installed(name: str) -> bool:
    """Whether a distribution is installed beside the emulator."""
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def command() -> tuple[str, ...]:
    """What starts a function, in the folder of its source: as Google's image does, in the emulator's interpreter."""
    return (sys.executable, "-m", "functions_framework")
