"""When scans end, without servers: by the push, however late the machine is to begin them."""

import pytest

from emulator.apis.containeranalysis.model import OCCURRENCES, Discovery
from emulator.apis.containeranalysis.scanning import BEGINS_AFTER, DISCOVERED, TAKES, begin, name_of
from emulator.core.world import World
from emulator.images import Images
from emulator.images.reference import parse


@pytest.fixture
def world(tmp_path):
    """An empty one, whose clock fires by `advance` alone."""
    made = World(tmp_path / "state")
    made.add(Images(made))
    yield made
    made.clock.stop()
    made.operations.stop()
    made.store.close()


@pytest.mark.parametrize(
    ("after", "status"),
    [(BEGINS_AFTER, "SCANNING"), (BEGINS_AFTER + TAKES, "FINISHED_SUCCESS")],
)
def test_a_scan_that_begins_late_ends_no_later(world, tmp_path, after, status):
    """Nothing fires until so long after the push: what is due by then is done, and nothing else."""
    (tmp_path / "image").mkdir()
    images = world.part(Images)
    reference = parse("europe-west1-docker.pkg.dev/local/ml/app:1")
    image = images.keep(images.build(reference, {"": tmp_path / "image"}, ["true"], {}), "1")

    begin(world, image.name)
    world.clock._move_to(world.clock.now() + after)
    world.clock.advance(0)
    discovery = OCCURRENCES.find(world, name_of(image, DISCOVERED)).discovery
    assert Discovery.AnalysisStatus.Name(discovery.analysis_status) == status
