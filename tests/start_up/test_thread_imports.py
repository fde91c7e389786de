import importlib
import sys
import threading

import pytest

from reconciler.core.thread_imports import finding, without


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that can be imported, and is forgotten afterwards."""
    (tmp_path / "some_rooms").mkdir()
    for name in ("__init__", "kitchen", "cellar"):
        (tmp_path / "some_rooms" / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "some_rooms"
    for name in [name for name in sys.modules if name.partition(".")[0] == "some_rooms"]:
        del sys.modules[name]


def test_a_thread_is_asked_about_what_it_imports_and_nothing_else(package):
    """By full name, with the place to look; not what other threads import, and not after it is over."""
    asked = []

    def find(name, path):
        asked.append((name, list(path) if path else None))

    with finding(find):
        importlib.import_module("some_rooms.kitchen")
        other = threading.Thread(target=importlib.import_module, args=("some_rooms.cellar",))
        other.start()
        other.join()
    importlib.import_module("some_rooms.cellar")

    assert asked == [("some_rooms", None), ("some_rooms.kitchen", [str(package)])]
    assert "some_rooms.cellar" in sys.modules


def test_what_is_left_out_can_be_imported_afterwards(package):
    """It is as if it were not installed, for as long as it lasts; what is there already stays."""
    with without("some_rooms"), pytest.raises(ModuleNotFoundError, match="some_rooms"):
        importlib.import_module("some_rooms.kitchen")
    importlib.import_module("some_rooms")
    with without("some_rooms"):
        importlib.import_module("some_rooms.kitchen")

    assert {"some_rooms", "some_rooms.kitchen"} <= sys.modules.keys()


def test_who_asked_before_is_asked_too(package):
    """One inside the other: what is left out outside is left out inside."""
    with without("some_rooms"), finding(lambda *_: None), pytest.raises(ModuleNotFoundError, match="left out"):
        importlib.import_module("some_rooms.kitchen")
