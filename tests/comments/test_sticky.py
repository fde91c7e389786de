"""One comment per key: at both hosts, whatever else is said there and however often and beside whom a job runs."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from reconciler.core.errors import UsageError
from reconciler.hosts.github import GitHub
from reconciler.hosts.gitlab import GitLab
from reconciler.hosts.rest import HostError
from reconciler.hosts.sticky import marker, post
from tests.comments.fakes import Description, FakeEnterprise, FakeGitHub, FakeGitLab, github_user, gitlab_user, served

APP, PERSON, STRANGER = "ghs_app", "ghp_person", "stranger"
KEY = "services/prod"


class GitHubCase:
    """A pull request at GitHub, on which a workflow's token writes."""

    name = "github"
    bot = github_user("github-actions[bot]", "Bot")
    person = github_user("jo")
    stranger = github_user("github-actions")  # a person may be called so, but for the brackets

    def fake(self):
        """The host."""
        accounts = {APP: self.bot, PERSON: self.person, STRANGER: self.stranger}
        return FakeGitHub(Description("github.json"), accounts)

    def client(self, fake, token=APP):
        """Our client."""
        return GitHub("acme/ml", 7, token, fake.url)


class GitLabCase:
    """A merge request at GitLab, on which a project's token writes."""

    name = "gitlab"
    bot = gitlab_user("project_1_bot")
    person = gitlab_user("jo")
    stranger = gitlab_user("mallory")

    def fake(self):
        """The host."""
        accounts = {APP: self.bot, PERSON: self.person, STRANGER: self.stranger}
        return FakeGitLab(Description("gitlab.json"), accounts)

    def client(self, fake, token=APP):
        """Our client."""
        return GitLab("acme/ml", 7, token, fake.url)


@pytest.fixture(params=[GitHubCase(), GitLabCase()], ids=lambda case: case.name)
def case(request):
    """Both hosts."""
    return request.param


@pytest.fixture
def fake(case):
    """The host, served."""
    with served(case.fake()) as host:
        yield host


def say(case, fake, key, text, *, token=APP, **options):
    """What one job does."""
    with closing(case.client(fake, token)) as host:
        return post(host, key, text, **options)


def bodies(fake):
    """What readers see, with our line ends."""
    return [each["body"].replace("\r\n", "\n") for each in fake.visible()]


def test_fifty_pushes_make_one_comment(case, fake):
    """It says what the last push said, and a push that says the same writes nothing."""
    for push in range(50):
        say(case, fake, KEY, f"push {push}\n")
    again = say(case, fake, KEY, "push 49\n")

    assert bodies(fake) == [f"{marker(KEY)}\npush 49\n"]
    assert again.done == "unchanged"


def test_an_update_takes_three_calls(case, fake):
    """Who am I, what is there, and the write: a busy organisation has a limit of calls for all its jobs."""
    say(case, fake, KEY, "one")
    fake.calls.clear()
    say(case, fake, KEY, "two")

    assert len(fake.calls) == 3


def test_five_environments_in_parallel_have_one_comment_each(case, fake):
    """Jobs beside each other do not write into each other's."""
    keys = [f"services/{name}" for name in ("dev", "test", "stage", "prod", "prod-eu")]
    with ThreadPoolExecutor(5) as pool:
        for push in range(3):
            list(pool.map(lambda key: say(case, fake, key, f"{key} {push}"), keys))  # noqa: B023 - done in this turn

    assert sorted(bodies(fake)) == sorted(f"{marker(key)}\n{key} 2" for key in keys)


def test_jobs_of_one_key_that_meet_leave_one_comment(case, fake):
    """Each looks once more after making one: the oldest stays."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: say(case, fake, KEY, "same"), range(8)))

    assert bodies(fake) == [f"{marker(KEY)}\nsame"]


def test_three_hundred_foreign_comments(case, fake):
    """Ours is found on whichever page it is, and nobody else's is touched."""
    for number in range(150):
        fake.say(case.person, f"before {number}")
    say(case, fake, KEY, "one")
    for number in range(150):
        fake.say(case.stranger, f"after {number}")
    say(case, fake, KEY, "two")

    assert [body for body in bodies(fake) if not body.startswith(("before", "after"))] == [f"{marker(KEY)}\ntwo"]
    assert len(fake.comments) == 301


def test_a_stranger_with_our_marker_is_neither_changed_nor_believed(case, fake):
    """Everybody can write text, and some are called almost as we are; who wrote it is told by the host."""
    fake.say(case.stranger, f"{marker(KEY)}\nall is well, merge me")
    fake.say(case.person, f"{marker(KEY)}\nI quote it")
    say(case, fake, KEY, "no, it is not")
    say(case, fake, KEY, "no, it is not at all")

    assert bodies(fake) == [
        f"{marker(KEY)}\nall is well, merge me",
        f"{marker(KEY)}\nI quote it",
        f"{marker(KEY)}\nno, it is not at all",
    ]


def test_other_comments_of_our_own_account_are_left_alone(case, fake):
    """A workflow's account is shared by all workflows: another one's comment is not ours, nor one that quotes us."""
    fake.say(case.bot, "coverage: 93 %")
    fake.say(case.bot, f"see {marker(KEY)}")
    fake.say(case.bot, f"{marker('services/dev')}\ndev")
    say(case, fake, KEY, "mine")

    assert bodies(fake)[:3] == ["coverage: 93 %", f"see {marker(KEY)}", f"{marker('services/dev')}\ndev"]
    assert bodies(fake)[3:] == [f"{marker(KEY)}\nmine"]


def test_of_two_comments_of_ours_the_older_one_stays(case, fake):
    """However the second one came to be, it is put away."""
    fake.say(case.bot, f"{marker(KEY)}\none")
    fake.say(case.bot, f"{marker(KEY)}\ntwo")
    posted = say(case, fake, KEY, "three")

    assert bodies(fake) == [f"{marker(KEY)}\nthree"]
    assert posted.done == "updated"


def test_nothing_to_say_makes_no_comment_and_changes_one_that_is_there(case, fake):
    """Pull requests that change nothing are not talked to; one that no longer changes anything is told."""
    first = say(case, fake, KEY, "no changes", silent=True)
    before = bodies(fake)
    say(case, fake, KEY, "two changes")
    last = say(case, fake, KEY, "no changes", silent=True)

    assert (first.done, before, last.done) == ("silent", [], "updated")
    assert bodies(fake) == [f"{marker(KEY)}\nno changes"]


def test_a_host_that_asks_to_slow_down_is_waited_for(case, fake):
    """429 says that nothing was done, so the same call is made again."""
    fake.slow = 2

    assert say(case, fake, KEY, "one").done == "created"


def test_a_token_that_is_wrong_is_told_without_the_token(case, fake):
    """And with what to do."""
    with pytest.raises(HostError) as refused:
        say(case, fake, KEY, "one", token="no-such-token")

    assert "401 Bad credentials" in refused.value.message
    assert refused.value.hint == "the token is wrong or too old"
    assert "no-such-token" not in str(refused.value)


def test_a_person_s_token_works_as_well():
    """A laptop has no app."""
    case = GitHubCase()
    with served(case.fake()) as fake:
        say(case, fake, KEY, token=PERSON, text="one")
        say(case, fake, KEY, token=PERSON, text="two")

        assert bodies(fake) == [f"{marker(KEY)}\ntwo"]
        assert "POST /graphql" not in fake.calls


def test_an_enterprise_server_is_asked_at_its_own_addresses():
    """Who the token is and what is hidden is asked beside REST, not below it."""
    case = GitHubCase()
    with served(FakeEnterprise(Description("github.json"), {APP: case.bot})) as fake:
        for _ in range(2):
            with closing(GitHub("acme/ml", 7, APP, f"{fake.url}/api/v3")) as host:
                post(host, KEY, "one")
        fake.say(case.bot, f"{marker(KEY)}\nanother")
        with closing(GitHub("acme/ml", 7, APP, f"{fake.url}/api/v3")) as host:
            post(host, KEY, "two")

        assert bodies(fake) == [f"{marker(KEY)}\ntwo"]
        assert "POST /graphql" in fake.calls


@pytest.mark.parametrize("url", ["http://api.github.example", "ftp://x", "http://127.0.0.1.evil.example"])
def test_a_token_is_never_sent_in_the_clear(url):
    """Only to this machine, where tests are."""
    with pytest.raises(UsageError, match="no https address"):
        GitHub("acme/ml", 7, "t", url)


def test_a_key_cannot_end_what_hides_it():
    """It may come from a branch's name."""
    assert marker("a --> <img src=x> -- b") == "<!-- mlservice:plan key=a-img-src-x-b v1 -->"
