"""Archives are unpacked within bounds, and nothing of them lands elsewhere."""

import io
import stat
import zipfile

import pytest

from emulator.apis.functions import archives


def archive(*entries, data=b""):
    """A zip of such entries."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written:
        for entry in entries:
            written.writestr(entry, data)
    return made.getvalue()


def link(name):
    """An entry that is a symbolic link."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def test_files_come_out_as_they_went_in(tmp_path):
    """Folders are made, contents and executable bits kept."""
    script = zipfile.ZipInfo("bin/run.sh")
    script.external_attr = 0o755 << 16
    archives.unpack(archive("main.py", "pkg/", "pkg/deep/er.py", script, data=b"x = 1\n"), tmp_path)

    assert (tmp_path / "pkg/deep/er.py").read_bytes() == b"x = 1\n"
    assert (tmp_path / "bin/run.sh").stat().st_mode & stat.S_IXUSR
    assert not (tmp_path / "main.py").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    "entry",
    ["../up.py", "/etc/passwd", "a/../../up.py", "..", "a\\..\\b.py", link("link.py"), "x/" * 40 + "a.py"],
    ids=["up", "absolute", "up-from-below", "parent", "backslash", "link", "deep"],
)
def test_an_entry_that_would_go_elsewhere_is_refused(tmp_path, entry):
    """Nothing is written outside the folder, and no link either."""
    place = tmp_path / "inside"
    place.mkdir()
    with pytest.raises(archives.ArchiveError):
        archives.unpack(archive(entry, data=b"x"), place)

    assert [path.name for path in tmp_path.rglob("*")] == ["inside"]


def test_two_entries_of_one_name_are_refused(tmp_path):
    """The second would take the place of the first."""
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = archive("main.py", "main.py")
    with pytest.raises(archives.ArchiveError):
        archives.unpack(twice, tmp_path)


def test_a_bomb_is_stopped_as_it_goes_off(tmp_path, monkeypatch):
    """The size is counted as bytes come out; what the archive says of itself is not believed."""
    monkeypatch.setattr(archives, "TOTAL_MOST", 1 << 20)
    with pytest.raises(archives.ArchiveError, match="larger than 1 MiB when unpacked"):
        archives.unpack(archive("a", "b", data=b"\0" * (600 << 10)), tmp_path)


def test_too_many_entries_are_refused(tmp_path, monkeypatch):
    """Their number is bounded."""
    monkeypatch.setattr(archives, "FILES_MOST", 2)
    with pytest.raises(archives.ArchiveError, match="more than 2 entries"):
        archives.unpack(archive("a", "b", "c"), tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"not a zip", archive("main.py", data=b"x" * 99)[:-30]],
    ids=["empty", "two-bytes", "text", "cut-off"],
)
def test_what_is_no_zip_is_refused(tmp_path, data):
    """With words."""
    with pytest.raises(archives.ArchiveError, match="not a zip file"):
        archives.unpack(data, tmp_path)
