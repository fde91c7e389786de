"""What the name of a monitoring job says, for whoever reads what it measured without the spec."""

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.vertex_schedule.record import job_of, least_of, orders_of


@settings(deadline=None)
@given(
    name=st.text(max_size=49), least=st.integers(1, 2**31 - 1),
    orders=st.tuples(*[st.none() | st.integers(1, 999).map(lambda most: most / 1000)] * 2),
)  # fmt: skip
def test_the_name_of_a_job_tells_what_model_monitoring_has_no_field_for(name, least, orders):
    """In 128 characters, whatever a service is called; one that somebody else wrote tells nothing."""
    job = job_of(f"drift of {name}", least, *orders)

    assert (least_of(job), orders_of(job)) == (least, orders)
    assert len(job) <= 128
    assert (least_of(f"{job}?"), orders_of(f"{job}?")) == (None, (None, None))
