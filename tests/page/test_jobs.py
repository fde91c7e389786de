"""Which jobs report: reports alone are no job."""

from datetime import timedelta

import pytest

from page.jobs import jobs_in
from page.sources import Folder
from tests.page import samples
from tests.page.conftest import put


@pytest.mark.parametrize(
    ("minutes", "inventory", "reports"),
    [
        pytest.param(5, True, True, id="well"),
        pytest.param(5, False, True, id="somebodys-own"),
        pytest.param(90, True, True, id="stuck"),
        pytest.param(90, False, False, id="uninstalled"),
    ],
)
def test_which_jobs_report(tmp_path, minutes, inventory, reports):
    """One that is installed does, however late it is; one without an inventory as long as it misses no passes."""
    samples.write(samples.fleet(2), tmp_path)
    if inventory:
        put(tmp_path / f"inventory/{samples.REGION}/operator_{samples.OPERATOR}.json", {})

    jobs = jobs_in(Folder(tmp_path), samples.NOW + timedelta(minutes=minutes))

    folder = frozenset({f"operators/{samples.OPERATOR}/"})
    assert (jobs.reporting, jobs.gone) == ((folder, frozenset()) if reports else (frozenset(), folder))


def test_documents_that_say_nothing_are_of_no_job(tmp_path):
    """Nobody knows when a report that cannot be read was written: an installed job's is one all the same."""
    put(tmp_path / "operators/a/latest/0.json", {"format": "mlservice/report/v9"})
    put(tmp_path / "operators/b/latest/0.json", [])
    put(tmp_path / "inventory/us-east1/operator_b.json", {})

    jobs = jobs_in(Folder(tmp_path), samples.NOW)

    assert (jobs.reporting, jobs.gone) == ({"operators/b/"}, {"operators/a/"})
