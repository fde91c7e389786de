"""The retraining function's archive: the same files, the same bytes, on every machine."""

import io
import os
import shutil
import zipfile

import pytest

from reconciler.lookups import function_source
from reconciler.lookups.function_source import archive, digest_of

FILES = {"function.py": "def main(request):\n    return 'ok'\n", "below/other.py": "x = 1\n"}


@pytest.fixture
def folder(tmp_path):
    """A small program."""
    for name, text in FILES.items():
        path = tmp_path / "program" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "program"


def test_the_digest_is_of_content_alone(folder, tmp_path):
    """Times, permissions, the folder's place and what Python leaves there do not count. The literal is the claim."""
    copy = tmp_path / "elsewhere" / "copied"
    shutil.copytree(folder, copy)
    os.utime(copy / "function.py", (0, 0))
    (copy / "function.py").chmod(0o755)
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "function.cpython-313.pyc").write_bytes(b"anything")

    assert archive(copy) == archive(folder)
    assert digest_of(archive(folder)) == "17d04c5276c44978bfe2579e82d9eaa0"


def test_a_changed_program_has_another_digest(folder):
    """So the next plan shows it."""
    before = digest_of(archive(folder))
    (folder / "function.py").write_text("def main(request):\n    return 'other'\n")

    assert digest_of(archive(folder)) != before


def test_the_archive_imports_as_installed(folder):
    """Files lie where they are imported from, beside an entry point and the requirements."""
    with zipfile.ZipFile(io.BytesIO(archive(folder))) as found:
        names = found.namelist()

    assert names == sorted(names)
    assert set(names) == {
        "main.py", "requirements.txt", "runtime/__init__.py", "runtime/retraining/function.py",
        "runtime/retraining/below/other.py",
    }  # fmt: skip


def test_the_digest_fits_into_a_label(folder):
    """63 characters of a label's value."""
    assert len(digest_of(archive(folder))) == function_source._DIGEST_LENGTH <= 63
