"""`make changelog VERSION=...` takes what is a version, and the one that is packaged."""

import pytest

from ci.release import wrong


@pytest.mark.parametrize("text", ["", "next", "1.0; rm -rf x", "v0.2.0", "0.2.0-rc1", "0.1.0"])
def test_what_is_no_version_of_this_release_is_said(text):
    """Before a note is gone."""
    assert wrong(text, "0.2.0")


@pytest.mark.parametrize("text", ["0.2.0", "0.2.0rc1"])
def test_the_packaged_version_and_its_candidates_are_taken(text):
    """As PEP 440 writes them."""
    assert wrong(text, "0.2.0") == ""
