"""What cleanup policies take, what is needed, and that the one never has anything of the other."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from emulator.apis.artifactregistry.rules import Candidate, matched
from reconciler.core import keeping, own_images
from reconciler.core.cleanup import Action, Policy, Tags, Version, fates
from reconciler.core.keeping import Fleet, Image, Running
from reconciler.lookups.image_digest import Place, repository_of
from tests.plan.registries import GIB, REPOSITORY, World, google

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DIGESTS = [f"sha256:{number:064x}" for number in range(12)]
OLD = Policy("delete-untagged", Action.DELETE, tags=Tags.UNTAGGED, older_than_s=7 * 86400)


def version(number=0, days=10.0, *, package="scorer", tags=(), parts=()):
    return Version(package, DIGESTS[number], NOW - timedelta(days=days), tags, GIB, parts)


def running(number, name, days, **more):
    image = f"europe-west1-docker.pkg.dev/acme/ml/scorer@{DIGESTS[number]}"
    return Running("europe-west1/churn", name, (image,), NOW - timedelta(days=days), **more)


def test_no_needed_image_is_ever_removed(request, capsys):
    """Over generated registries and fleets the nightly cleanup takes nothing that is needed, and tags keep no more.

    `--cases 1000` for more of them, `-s` for the numbers.
    """
    cases = request.config.getoption("--cases")
    worlds = []
    for seed in range(cases):
        world = World(seed)
        world.live()
        assert not world.lost, f"seed {seed}: {world.lost}"
        worlds.append((len(world.removed), world.needed_bytes, world.kept_bytes, world.beyond_bytes))
    removed, needed, kept, beyond = (sum(column) for column in zip(*worlds, strict=True))
    with capsys.disabled():
        print(  # noqa: T201 - the numbers are what it is run for
            f"\n{cases} registries: {removed} versions removed, 0 of them needed; {kept / GIB:.0f} GiB left, "
            f"{needed / GIB:.0f} of them needed, {beyond / GIB:.0f} kept beyond need by tags of ours"
        )
    assert removed
    assert not beyond


def test_without_our_tags_needed_images_would_go():
    """The generated worlds are hard enough: the same nights without the policy that keeps take needed images."""
    worlds = [World(seed) for seed in range(10)]
    for world in worlds:
        world.policies.remove(keeping.KEEPS)
        try:
            world.live()
        except KeyError:
            continue  # what it would claim is gone

    assert any(world.lost for world in worlds)


def test_the_forecast_is_what_the_emulator_does(request):
    """What goes now, by our reading of Google's rules, is what the emulator's own reading takes; and when it is due."""
    for seed in range(request.config.getoption("--cases")):
        world = World(seed)
        rules = [google(each) for each in world.policies]
        versions = list(world.versions.values())
        candidates = [Candidate(*each.key, each.tags, each.uploaded, each.parts) for each in versions]
        told = fates(world.policies, versions, world.now)
        for later in (timedelta(0), timedelta(days=5), timedelta(days=40)):
            gone = {(each.package, each.digest) for each in matched(rules, candidates, world.now + later)}
            due = {each.version.key for each in told if each.due and each.due <= world.now + later}
            assert gone <= due, seed
            assert later or gone == due, seed


def test_keep_wins_and_says_who_kept():
    """A version that both match stays, and both are named."""
    few = Policy("keep-last", Action.KEEP, newest=1)

    first, second = fates([OLD, few], [version(0, days=9), version(1, days=10)], NOW)

    assert (first.due, first.by, first.kept_by) == (None, ("delete-untagged",), ("keep-last",))
    assert (second.due, second.by) == (NOW, ("delete-untagged",))


def test_what_is_too_young_is_told_when_it_goes():
    """A version of two days goes when it is seven days old."""
    (found,) = fates([OLD], [version(0, days=2)], NOW)

    assert found.due == NOW + timedelta(days=5, microseconds=1)


def test_a_keep_that_ends_is_told():
    """A policy that keeps what is newer than ten days lets it go then."""
    young = Policy("young", Action.KEEP, newer_than_s=10 * 86400)

    (found,) = fates([OLD, young], [version(0, days=8)], NOW)

    assert found.kept_by == ("young",)
    assert found.due == NOW + timedelta(days=2, microseconds=1)


def test_a_repository_in_several_regions_is_no_region():
    """Cloud Run has nothing in `europe`: it is asked in regions alone, or what is needed would seem unknown."""
    assert keeping.regions_of(["us-east1", "europe", "us", "asia", "europe-west1", "us-east1"]) == [
        "europe-west1",
        "us-east1",
    ]


def test_an_image_of_ours_in_a_project_of_a_domain_is_found():
    """Where a push puts it, plans look for it, and know whose it is."""
    reference = own_images.reference("runtime", "acme.com:prod", "0.1.0+abc", "europe-west1")

    assert reference == "europe-west1-docker.pkg.dev/acme.com/prod/mlservice/runtime:0.1.0-abc"
    assert own_images.target_of(reference) == "runtime"
    place = Place("acme.com:prod", "projects/acme.com:prod/locations/europe-west1/repositories/mlservice", "runtime")
    assert repository_of(reference) == place


@pytest.mark.parametrize("age_s", [315_576_000_000, (datetime.max.replace(tzinfo=UTC) - NOW).total_seconds()])
def test_what_is_kept_for_thousands_of_years_is_kept_for_ever(age_s):
    """The longest age that Google takes, and one that ends with the calendar, are told like others."""
    young = Policy("young", Action.KEEP, newer_than_s=age_s)

    (found,) = fates([OLD, young], [version(0, days=0)], NOW)

    assert (found.due, found.kept_by) == (None, ("young",))


@pytest.mark.parametrize(
    ("revision", "why"),
    [
        (running(0, "r1", 400, percent=1), "serves"),
        (running(0, "r1", 400, tags=("candidate",)), "tagged candidate"),
        (running(0, "r1", 400, latest=True, ready=False), "latest"),
        (running(0, "r1", 29, ready=False), "way back"),
        (running(0, "r1", 400), "way back"),
        (running(0, "r1", 31, ready=False), None),
    ],
)
def test_what_makes_a_revision_needed(revision, why):
    """Traffic, a tag, being the latest, the last five that were ready, the last thirty days; nothing else."""
    newest = [running(number, f"s{number}", number, percent=0) for number in range(1, 5)]

    found = keeping.needed(Fleet([revision, *newest]), NOW)

    image = Image(REPOSITORY, "scorer", DIGESTS[0])
    assert found.get(image) == ((f"{why}: europe-west1/churn, revision r1",) if why else None)


def test_the_sixth_that_was_ready_is_not_needed_once_it_is_old():
    """Five newer ones that were ready push it out of the way back."""
    newer = [running(number, f"s{number}", number) for number in range(1, 6)]

    found = keeping.needed(Fleet([running(0, "r1", 31), *newer]), NOW)

    assert Image(REPOSITORY, "scorer", DIGESTS[0]) not in found


def test_jobs_and_settings_of_functions_need_their_images():
    """A digest counts wherever it stands; what lies in other registries does not."""
    settings = f'{{"image":"europe-west1-docker.pkg.dev/acme/ml/team/train@{DIGESTS[3]}","n":1}}'
    (found,) = keeping.images_in(settings)

    needed = keeping.needed(Fleet(others={"job train": ("docker.io/library/python:3", "gcr.io/x/y@z")}), NOW)

    assert found == Image(REPOSITORY, "team/train", DIGESTS[3])
    assert not needed


def test_images_of_a_needed_index_are_needed():
    """With an index the images that it names are kept; a tag stands for what it names now; what is gone is told."""
    versions = [version(0, parts=(DIGESTS[1],)), version(1), version(2, tags=("latest",)), version(3)]
    wanted = {
        Image(REPOSITORY, "scorer", DIGESTS[0]): ("serves",),
        Image(REPOSITORY, "scorer", tag="latest"): ("job",),
        Image(REPOSITORY, "scorer", DIGESTS[9]): ("way back",),
        Image("projects/acme/locations/us/repositories/ml", "scorer", DIGESTS[3]): ("serves",),
    }

    found, missing = keeping.of_repository(wanted, REPOSITORY, versions)

    assert {digest: why for (_, digest), why in found.items()} == {
        DIGESTS[0]: ("serves",),
        DIGESTS[1]: ("serves",),
        DIGESTS[2]: ("job",),
    }
    assert [image.digest for image in missing] == [DIGESTS[9]]


@pytest.mark.parametrize(("known", "immutable"), [(False, False), (True, True)])
def test_nothing_is_released_that_may_be_needed_or_cannot_go(known, immutable):
    """Where something could not be looked at, or tags cannot go, tags are only added."""
    versions = [version(0), version(1, tags=(keeping.tag_of("acme", DIGESTS[1]),))]

    found = keeping.tagging("acme", versions, [versions[0].key], known=known, immutable=immutable)

    assert ([each.digest for each in found.add], found.release) == ([DIGESTS[0]], ())


def test_tags_of_another_project_are_left_alone():
    """Projects that share a repository do not see each other's services."""
    versions = [version(0, tags=(keeping.tag_of("other", DIGESTS[0]),))]

    found = keeping.tagging("acme", versions, [], known=True)

    assert found == keeping.Tagging()


def test_a_tag_of_ours_fits_into_a_tag():
    """Tags have at most 128 characters; a project's id has at most 30, and more with a domain."""
    long = [f"{domain * 12}.com:project" for domain in ("abcd", "abce", "abcde", "abcdef")]
    found = {keeping.tag_of(project, DIGESTS[0]) for project in ("p" * 30, "d.com:" + "p" * 30, *long)}

    assert len(found) == 6
    assert all(re.fullmatch(r"[\w.-]{1,128}", tag) for tag in found)


@pytest.mark.parametrize(
    ("reference", "repository"),
    [
        (f"us-docker.pkg.dev/acme.com/prod/ml/team/scorer@{DIGESTS[0]}", "projects/acme.com:prod/locations/us"),
        (f"us-docker.pkg.dev/prod/ml/team/scorer@{DIGESTS[0]}", "projects/prod/locations/us"),
        (f"us-docker.pkg.dev/prod/ml/team/scorer:1.0@{DIGESTS[0]}", "projects/prod/locations/us"),
    ],
)
def test_a_project_of_a_domain_has_a_slash_in_references(reference, repository):
    """Its id has a colon, which no reference may have: read as any other, it would be an image of nobody's."""
    image = Image.parse(reference)

    assert (image.repository, image.package, image.reference) == (
        f"{repository}/repositories/ml",
        "team/scorer",
        reference,
    )
    assert keeping.needed(Fleet(others={"job": (reference,)}), NOW) == {image: ("job",)}
    assert list(keeping.images_in(f'{{"image":"{reference}"}}')) == [image]
