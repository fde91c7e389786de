"""A job's record written into Google's message reads back as itself, whatever the message held before; no emulator."""

from google.cloud.run_v2.types import job, k8s_min
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.objects import Desired
from reconciler.kinds.run_job import RunJob
from reconciler.kinds.run_job.client import _write, from_api

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
WORDS = st.lists(TEXT, max_size=3).map(tuple)
NAMES = st.sampled_from(["A", "B", "LONG_NAME", "lower"])
SECRETS = st.dictionaries(NAMES, st.sampled_from(["token:1", "projects/p/secrets/s:7"]))
CPU = st.integers(80, 999) | st.sampled_from([1000, 2000, 8000])


@st.composite
def records(draw):
    """A record; a variable is a secret or it is none."""
    secrets = draw(SECRETS)
    env = {name: value for name, value in draw(st.dictionaries(NAMES, TEXT)).items() if name not in secrets}
    counts = [draw(st.integers(least, most)) for least, most in ((1, 10_000), (0, 10_000), (0, 10), (1, 86_400))]
    return RunJob(
        draw(TEXT),
        draw(WORDS),
        draw(WORDS),
        env,
        secrets,
        draw(CPU),
        draw(st.integers(128, 32_768)),
        *counts,
        draw(TEXT),
        {},
    )


def write(live, record, *gone):
    """Write a record as its client does."""
    _write(live, Desired(Address("run_job", "europe-west1", "job"), record, "job"), frozenset(gone))


@seed(1)
@settings(max_examples=60, deadline=None, database=None)
@given(records(), records())
def test_a_record_reads_back_whatever_was_there_before(one, other):
    """Write one record, then the other over it with the keys that go: each reads back exactly."""
    live = job.Job()
    write(live, one)
    assert from_api(live) == one

    gone = (one.env.keys() | one.secrets.keys()) - (other.env.keys() | other.secrets.keys())
    write(live, other, *gone)

    assert from_api(live) == other


def test_what_we_do_not_manage_stays():
    """A sidecar, volumes and annotations are left as found."""
    live = job.Job(annotations={"theirs": "1"})
    sidecar = k8s_min.Container(name="proxy", image="proxy")
    record = RunJob("image", (), (), {}, {}, 1000, 512, 1, 0, 0, 600, "", {})
    write(live, record)
    live.template.template.containers.append(sidecar)

    write(live, record)

    assert live.template.template.containers[1] == sidecar
    assert live.annotations == {"theirs": "1"}
