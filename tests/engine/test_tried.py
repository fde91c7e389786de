"""Who moved what after an update that failed: what was tried is remembered."""

from contextlib import suppress

from google.api_core.exceptions import GoogleAPICallError

from tests.operating import spec

WORKS, BROKEN = {"env": {"A": "1"}}, {"env": {"A": "2", "HELLO_EXIT": "3"}}


def reasons(operator, wanted):
    return {c.address.kind: c.reason for c in operator.plan(wanted).plan.pending}


def test_an_edit_after_a_failed_update_is_no_change_by_hand(operator):
    """The version that does not start is ours; what somebody then changes beside it is not."""
    assert not operator.apply(spec(**WORKS)).failed
    assert operator.apply(spec(**BROKEN)).failed
    edited = spec(env={"A": "3"})

    by_us = reasons(operator, edited)
    live = operator.service()
    live.template.max_instance_request_concurrency = 7
    services = operator.api("google.cloud.run_v2", "services", "Services")
    with suppress(GoogleAPICallError):  # it still does not start
        services.update_service(request={"service": live}).result(timeout=20)
    by_hand = reasons(operator, edited)

    assert by_us["run_service"] == "the spec or what it names changed"
    assert by_hand["run_service"] == "config drift: changed outside mlservice"
    assert not operator.apply(edited).failed
    [entry] = [e for i in operator.inventories().values() for a, e in i.entries.items() if a.kind == "run_service"]
    assert entry.tried == ""
