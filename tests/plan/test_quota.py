"""What a plan says of quotas: numbers of both sides, and nothing where everything fits."""

import random
from dataclasses import replace

import pytest

from reconciler.core.quota import CPU, MEMORY, Claim, Claims, Draw, gpu_quota, notes, pools

HERE = "europe-west4"
L4 = gpu_quota("nvidia-l4", zonal=False)
GIB = 2**30
SMALL = Claim("", 3, 2000, 4096)
CARD = Claim("", 2, 8000, 32768, "nvidia-l4")
OLD = Claim("churn-00001", 5, 2000, 4096)


def said(claims, limits, *, why="", beside=()):
    """Texts on one service, whose limits stand by quota; what is not among them is unlimited."""
    known = {(quota, HERE): -1 for quota in (CPU, MEMORY, L4)} | {(quota, HERE): most for quota, most in limits.items()}
    draws = [Draw("churn", HERE, claims), *(Draw("other", HERE, each, starts=False) for each in beside)]
    found = list(notes(draws, {} if why else known, why))
    assert {service for service, _ in found} <= {"churn"}
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("claims", "limits", "words"),
    [
        pytest.param(Claims(SMALL), {CPU: 6000, MEMORY: 12 * GIB}, [], id="just-fits"),
        pytest.param(
            Claims(SMALL),
            {CPU: 5000},
            [f"allows 5 vCPU of {CPU}, and 3 instances of 2 vCPU may take 6 vCPU: Google refuses that; at most 2 fit"],
            id="cpu",
        ),
        pytest.param(
            Claims(replace(SMALL, most=1, memory_mib=80 * 1024)),
            {MEMORY: 40 * GIB},
            [f"allows 40Gi of {MEMORY}, and 1 instance of 80Gi may take 80Gi: Google refuses that; not one"],
            id="one-is-too-large",
        ),
        pytest.param(Claims(CARD), {L4: 1}, ["allows 1 GPU of", "at most 1 fits"], id="gpu"),
        pytest.param(
            Claims(SMALL, (OLD,)),
            {CPU: 10_000},
            ["may take 6 vCPU, beside 10 vCPU of churn-00001, 16 vCPU while both have instances: new ones may have"],
            id="old-and-new",
        ),
        pytest.param(Claims(SMALL, (OLD,)), {CPU: 16_000}, [], id="old-and-new-fit"),
        pytest.param(Claims(SMALL, (replace(OLD, idle=True),)), {CPU: 10_000}, [], id="idle-ones-do-not-count"),
        pytest.param(Claims(SMALL, (OLD,), cap=3), {CPU: 6000}, [], id="the-service-has-a-ceiling"),
        pytest.param(
            Claims(CARD, (replace(OLD, most=10, idle=True),)),
            {L4: 3},
            ["Google may count churn-00001 as well, which gets no requests and may have 10 instances"],
            id="a-gpu-comes-and-an-idle-one-counts",
        ),
        pytest.param(
            Claims(CARD, (replace(CARD, revision="churn-00001", most=10, idle=True),)), {L4: 3}, [], id="it-had-one"
        ),
    ],
)
def test_what_does_not_fit_is_told(claims, limits, words):
    """With the quota, its limit, what may be taken, and what would fit."""
    found = said(claims, limits)

    assert len(found) == bool(words)
    assert all(each in found[0] for each in words)


def test_services_of_one_region_are_told_together():
    """Each fits alone; those of another region, and of no plan, do not count."""
    [text] = said(Claims(SMALL), {CPU: 10_000}, beside=[Claims(SMALL)])

    assert text == f"{HERE} allows 10 vCPU of {CPU}, and the services of this plan may take 12 vCPU together"


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        pytest.param(SMALL, [], id="a-new-project-would-do"),
        pytest.param(
            replace(SMALL, most=11), ["a new project has 20 vCPU", "a new project has 40Gi"], id="it-would-not"
        ),
        pytest.param(replace(CARD, most=1), [], id="cards-that-come-with-the-first"),
        pytest.param(
            replace(CARD, most=1, gpu="nvidia-rtx-pro-6000"),
            ["1 instance of 1 GPU may take 1 GPU; a new project has 0"],
            id="a-card-that-is-asked-for",
        ),
    ],
)  # fmt: skip
def test_a_limit_that_is_not_known(claim, words):
    """It is spoken of only where the usual one would not do, and then with why it is not known."""
    found = said(Claims(claim), {}, why="you may not look")

    assert len(found) == len(words)
    assert all(
        each in text and text.endswith("is not known: you may not look")
        for each, text in zip(words, found, strict=True)
    )


def test_more_is_never_worse(request):
    """A greater limit takes notes away and adds none; whatever fits twice over is not spoken of."""
    for seed in range(request.config.getoption("--cases") * 20):
        dice = random.Random(seed)  # noqa: S311 - repeatable cases, not secrets
        claims = Claims(
            _any(dice, ""), tuple(_any(dice, f"r{n}") for n in range(dice.randrange(3))), dice.choice([0, 4])
        )
        beside = [Claims(_any(dice, "")) for _ in range(dice.randrange(3))]
        limit = {quota: dice.randrange(1, 40) * unit for quota, unit in ((CPU, 1000), (MEMORY, GIB), (L4, 1))}

        before = said(claims, limit, beside=beside)
        after = said(claims, {quota: most * 2 for quota, most in limit.items()}, beside=beside)

        assert len(after) <= len(before) <= 3, seed
        assert not said(claims, {quota: most * 10_000 for quota, most in limit.items()}, beside=beside), seed
        assert all(HERE in text and any(quota in text for quota in (CPU, MEMORY, L4)) for text in before), seed


def _any(dice, name):
    gpu = dice.choice(["", "", "nvidia-l4"])
    return Claim(
        name,
        dice.randrange(1, 9),
        dice.choice([500, 1000, 4000]),
        dice.choice([512, 8192]),
        gpu,
        idle=dice.random() < 0.3,
    )


def test_pools_are_those_that_are_drawn_from():
    """One per quota and region, however many services."""
    draws = [Draw("a", HERE, Claims(SMALL)), Draw("b", HERE, Claims(CARD)), Draw("c", "us-east1", Claims(SMALL))]

    assert pools(draws) == {(CPU, HERE), (MEMORY, HERE), (L4, HERE), (CPU, "us-east1"), (MEMORY, "us-east1")}
