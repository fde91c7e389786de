"""Access that a document rules out: a member in every role, or a role for whoever else has it."""

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.membership import ANY_MEMBER, ANY_ROLE, Membership
from reconciler.core.objects import Desired, Unwanted
from reconciler.core.wants import joined
from reconciler.kinds.iam_member import IamMember

ROLES, MEMBERS = ("roles/a", "roles/b"), ("allUsers", "user:ann@acme.example", "user:ben@acme.example")
grants = st.builds(
    lambda role, member, title: Membership("iap", "page", role, member, title).at("europe-west1"),
    st.sampled_from(ROLES),
    st.sampled_from(MEMBERS),
    st.sampled_from(("", "for a day")),
)


@given(wanted=st.sets(grants), there=st.sets(grants))
def test_whoever_else_has_the_role_is_met_and_nobody_who_is_wanted(wanted, there):
    """Of what is there just that is named which is ruled out: other members of one role, and everyone in any."""
    closed = Membership("iap", "page", "roles/a", ANY_MEMBER).at("europe-west1")
    everyone = Membership("iap", "page", ANY_ROLE, "allUsers").at("europe-west1")
    made = [each for each in sorted(wanted) if Membership.of(each).member != "allUsers"]
    found = [Unwanted(closed, "m", "not on the list"), Unwanted(everyone, "m", "not for all")]
    wants = joined([*(Desired(each, IamMember(), "m") for each in made), *found])

    met = wants.meeting(there).unwanted

    of = {each: Membership.of(each) for each in there}
    assert set(met) == {
        each for each in there if of[each].member == "allUsers" or (of[each].role == "roles/a" and each not in made)
    }
    assert {met[each].why for each in met if of[each].member == "allUsers"} <= {"not for all"}
