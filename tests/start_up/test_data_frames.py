"""What can work with data frames is imported without them: no record of ours holds one, and they cost most."""

import pytest

from tests.start_up.fresh import python

DIFF = """
from reconciler.core.diff import diff_fields
def diff():
    [change] = diff_fields({"env": {"A": "1"}, "scale": [1, 2]}, {"env": {"A": "1"}, "scale": [1, 3]})
    assert (change.path, change.before, change.after) == ("scale[1]", 3, 2), change
"""
FRAMES = """
def frames():
    import numpy, pandas
    assert int(numpy.arange(4).sum()) == 6
    assert pandas.DataFrame({"a": [1, 2]})["a"].sum() == 3
"""
LEFT_OUT = """
import sys
assert not {"numpy", "pandas"} & sys.modules.keys(), "they were imported"
"""
AT_ONCE = """
import threading
failed = []
threading.excepthook = failed.append
threads = [threading.Thread(target=each, daemon=True) for each in (diff, frames) * 4]
for thread in threads: thread.start()
for thread in threads: thread.join(100)
assert not failed, failed
assert not any(thread.is_alive() for thread in threads)
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(f"{DIFF}{FRAMES}\ndiff(){LEFT_OUT}frames()\ndiff()", id="then-they-are-imported"),
        pytest.param(f"{DIFF}{FRAMES}\nframes()\ndiff()\nframes()", id="they-were-imported-before"),
        pytest.param(f"{DIFF}{FRAMES}{AT_ONCE}frames()", id="threads-do-both"),
    ],
)
def test_fields_are_compared_without_data_frames(program):
    """Deepdiff never loads numpy and pandas for us; who imports them, before, after or meanwhile, has them whole."""
    python("-c", program)
