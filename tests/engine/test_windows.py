"""A warm window of a live service: opened and closed by plans, without a new revision."""

from datetime import datetime, timedelta

from tests.operating import spec


def least(operator):
    """Instances kept warm, and how many revisions there are."""
    api = operator.api("google.cloud.run_v2", "services", "Services")
    [service] = api.list_services(request={"parent": "projects/local/locations/europe-west1"})
    revisions = operator.api("google.cloud.run_v2", "revisions", "Revisions")
    return service.scaling.min_instance_count, len(list(revisions.list_revisions(request={"parent": service.name})))


def test_a_window_opens_and_closes(operator):
    """Whoever plans at the time sees it: nothing between, one change when it opens, one when it closes."""
    now = datetime.fromisoformat(operator.emulator.control("GET", "clock")["now"])
    begins = (now + timedelta(hours=3)).replace(minute=0, second=0, microsecond=0)
    window = {"schedule": f"0 {begins.hour} * * *", "lasts": "2h", "minInstances": 1}
    warmed = spec(scaling={"maxInstances": 2, "windows": [window]})
    assert not operator.apply(warmed).failed
    assert (least(operator), operator.differences(warmed)) == ((0, 1), [])

    for passed, wanted, before in (
        (begins - now - timedelta(minutes=9), 1, 0),
        (timedelta(hours=2, minutes=10), 0, 1),
    ):
        operator.emulator.advance(passed.total_seconds())
        [line] = operator.differences(warmed)
        assert f"('min_instances', {before}, {wanted})" in line
        assert not operator.apply(warmed).failed
        assert (least(operator), operator.differences(warmed)) == ((wanted, 1), [])
