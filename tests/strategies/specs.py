"""Valid services as plain data: what a user may write in the sections the first reconciler acts on.

Every draw passes `schemas.load` without errors once written with `schemas.to_yaml`; it may have warnings.
"""

from typing import Any

from hypothesis import strategies as st

from tests.strategies.container_specs import about, around, containers, mounts, sidecars

Data = dict[str, Any]

_MEMORY_MIB = {1: (128, 4096), 2: (128, 8192), 4: (2048, 16384), 6: (4096, 24576), 8: (4096, 32768)}
_LABEL = "abcdefghijklmnopqrstuvwxyz0123456789_-"
_WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6)


def service_names(longest: int = 30) -> st.SearchStrategy[str]:
    """Names Cloud Run takes, short enough to carry a traffic tag."""
    return st.from_regex(rf"\A[a-z]([-a-z0-9]{{0,{longest - 2}}}[a-z0-9])?\Z")


def label_maps() -> st.SearchStrategy[dict[str, str]]:
    """A few user labels, none of them reserved."""
    keys = st.from_regex(r"\A[a-z][a-z0-9_-]{0,12}\Z").filter(
        lambda key: not key.startswith(("goog", "mlservice", "managed-by"))
    )
    return st.dictionaries(keys, st.text(_LABEL, max_size=12), max_size=3)


def resources() -> st.SearchStrategy[Data]:
    """CPU and memory that go together, below one vCPU, above it, or with an L4."""
    return st.one_of(st.just({}), _small(), st.sampled_from(sorted(_MEMORY_MIB)).flatmap(_whole), _with_gpu())


def _small() -> st.SearchStrategy[Data]:
    return st.integers(80, 999).flatmap(
        lambda millis: st.integers(128, 512 if millis < 500 else 1024).map(
            lambda mib: {"cpu": f"{millis}m", "memory": f"{mib}Mi"}
        )
    )


def _whole(cpu: int) -> st.SearchStrategy[Data]:
    least, most = _MEMORY_MIB[cpu]
    return st.integers(least, most).map(lambda mib: {"cpu": cpu, "memory": f"{mib}Mi"})


def _with_gpu() -> st.SearchStrategy[Data]:
    gpu = st.sampled_from(
        ["nvidia-l4", {"type": "nvidia-l4", "count": 1}, {"type": "nvidia-l4", "zonalRedundancy": True}]
    )
    size = st.sampled_from([{}, {"cpu": 4, "memory": "16Gi"}, {"cpu": 8, "memory": "32Gi"}])
    return st.builds(lambda gpu, size: {"gpu": gpu, **size}, gpu, size)


def _windows(most: int) -> st.SearchStrategy[Data]:
    """Hours in which instances are kept warm, at most so many; whether they are open depends on the time of day."""
    return st.fixed_dictionaries(
        {
            "schedule": st.sampled_from(["30 7 * * 1-5", "0 0 1 * *", "0 */8 * * *"]),
            "lasts": st.sampled_from(["30m", "11h", "2d"]),
            "minInstances": st.integers(1, most),
        },
        optional={"timeZone": st.sampled_from(["Europe/Paris", "Etc/UTC"])},
    )


@st.composite
def scalings(draw: st.DrawFn, *, below_one_cpu: bool = False) -> Data:
    """Floors below ceilings; concurrency 1 below one vCPU."""
    most = draw(st.integers(1, 10))
    chosen = {
        "minInstances": st.integers(0, most),
        "maxInstances": st.just(most),
        "concurrency": st.just(1) if below_one_cpu else st.integers(1, 1000),
        "windows": st.lists(_windows(most), max_size=2),
    }
    keys = draw(st.sets(st.sampled_from(sorted(chosen))))
    if "windows" in keys:
        keys.add("maxInstances")
    if "minInstances" in keys:
        keys.add("maxInstances")
    return {key: draw(chosen[key]) for key in sorted(keys)}


@st.composite
def accesses(draw: st.DrawFn) -> Data:
    """Ingress, authentication, callers and the account, each there or not."""
    domain = "acme.iam.gserviceaccount.com"
    members = _WORDS.map(lambda word: f"serviceAccount:{word}-caller@{domain}") | _WORDS.map(
        lambda word: f"user:{word}@acme.example"
    )
    optional = {
        "ingress": st.sampled_from(["All", "Internal", "InternalAndLoadBalancing"]),
        "authentication": st.sampled_from(["IAM", "Public"]),
        "invokers": st.lists(members, unique=True, max_size=3),
        "serviceAccount": st.just("Auto") | _WORDS.map(lambda word: f"{word}-runner@{domain}"),
    }
    return draw(st.fixed_dictionaries({}, optional=optional))


def runtimes() -> st.SearchStrategy[Data]:
    """Everything a user may say about the server."""
    protocols = st.lists(st.sampled_from(["json", "v2", "vertex"]), min_size=1, unique=True)
    batching = {"maxDelay": st.sampled_from(["0s", "2ms", "1.5s"])}
    limits = {"maxBody": st.integers(1, 32).map(lambda mib: f"{mib}Mi"), "maxRows": st.integers(1, 1_000_000)}
    shadow = {"url": st.sampled_from(["https://next---s-1.a.run.app/predict", "http://127.0.0.1:4000/predict"])}
    return st.fixed_dictionaries(
        {},
        optional={
            "protocols": protocols,
            "timeout": st.integers(10, 3600).map(lambda seconds: f"{seconds}s"),
            "startup": st.integers(10, 240).map(lambda seconds: {"deadline": f"{seconds}s"}),
            "batching": st.fixed_dictionaries({"maxSize": st.integers(1, 64)}, optional=batching),
            "limits": st.fixed_dictionaries({}, optional=limits),
            "accessLog": st.fixed_dictionaries({}, optional={"sampleRate": st.sampled_from([0.01, 0.2, 1])}),
            "shadow": st.fixed_dictionaries(shadow, optional={"percent": st.integers(1, 100)}),
        },
    )


def environments(*, names: str = "[A-Z][A-Z0-9_]{0,12}") -> st.SearchStrategy[dict[str, str]]:
    """Environment variables; no reserved name, no secret."""
    taken = ("PORT", "MLSERVICE_", "K_", "CLOUD_RUN_", "X_GOOGLE_", "HOST")
    keys = st.from_regex(rf"\A{names}\Z").filter(lambda name: not name.startswith(taken))
    values = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=30)
    return st.dictionaries(keys, values, max_size=3)


@st.composite
def secret_maps(draw: st.DrawFn, names: list[str]) -> Data:
    """References to some of the secrets in `names`, under variables that `environments` never draws."""
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=len(names)))
    version = st.sampled_from([{}, {"version": "latest"}, {"version": 1}])
    return {f"SECRET_{index}_": {"secret": name, **draw(version)} for index, name in enumerate(chosen)}


def registries() -> st.SearchStrategy[Data]:
    """A repository with or without cleanup."""
    cleanup = st.fixed_dictionaries(
        {},
        optional={
            "keepLast": st.integers(1, 50),
            "deleteUntaggedAfter": st.integers(1, 90).map(lambda days: f"{days}d"),
        },
    )
    return st.fixed_dictionaries(
        {"repository": st.sampled_from(["ml", "models", "team-ml"])},
        optional={"immutableTags": st.booleans(), "cleanup": cleanup},
    )


@st.composite
def splits(draw: st.DrawFn, *, versions: tuple[str, ...] = ("latest", "stable")) -> list[Data]:
    """Shares that sum to 100, tags unique; a share of 0 has a tag."""
    count = draw(st.integers(1, len(versions)))
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=count - 1, max_size=count - 1)))
    percents = [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]
    shares: list[Data] = []
    for version, percent in zip(versions, percents, strict=False):
        share: Data = {"version": version, "percent": percent}
        if percent == 0 or draw(st.booleans()):
            share["tag"] = f"t{len(shares)}-{draw(_WORDS)}"
        shares.append(share)
    return shares


@st.composite
def events(draw: st.DrawFn) -> Data:
    """Predictions by message. Topics are the service's own, so that none must be there first."""
    ids = draw(st.lists(st.from_regex(r"\A[a-fh-z][a-z0-9-]{2,12}\Z"), min_size=3, max_size=3, unique=True))
    own = [{"topic": each, "create": True} for each in ids]
    waits = st.sampled_from(["10s", "1m", "10m"])
    chosen: dict[str, st.SearchStrategy[Any]] = {
        "filter": st.just('attributes.kind = "score"'),
        "ackDeadline": waits,
        "path": st.just("/score"),
        "retry": st.fixed_dictionaries({"maxBackoff": st.just("10m")}, optional={"minBackoff": waits}),
        "deadLetter": st.fixed_dictionaries(
            {"topic": st.just(ids[1]), "create": st.just(value=True)}, optional={"maxAttempts": st.integers(5, 100)}
        ),
    }
    requests = {"path": "/score", **own[0], **draw(st.fixed_dictionaries({}, optional=chosen))}
    return {"requests": requests, **draw(st.fixed_dictionaries({}, optional={"answers": st.just(own[2])}))}


@st.composite
def _of_a_container(draw: st.DrawFn, spec: Data, image: str, secrets: tuple[str, ...]) -> Data:
    """What goes around the image, where the sizes drawn before let it."""
    size = spec["resources"]
    small, has_gpu = str(size.get("cpu", "")).endswith("m"), "gpu" in size
    sections = around(small=small or has_gpu)
    if has_gpu:
        del sections["execution"]
    if not small:
        sections["mounts"] = mounts(secrets)
    if not small and size.get("cpu", 1) in {1, 2, 4} and not has_gpu:
        sections["sidecars"] = sidecars(image)
    if "startup" not in spec.get("runtime", {}):
        sections["container"] = containers()
    return {key: draw(strategy) for key, strategy in sections.items() if draw(st.integers(0, 3)) == 0}


@st.composite
def service_specs(
    draw: st.DrawFn,
    *,
    name: str | None = None,
    image: str = "europe-west1-docker.pkg.dev/acme/ml/scorer:1.0.0",
    region: str = "europe-west1",
    secrets: tuple[str, ...] = (),
    deletion: str = "Delete",
    manual_traffic: bool = True,
) -> Data:
    """A valid service.

    Args:
        draw: Hypothesis.
        name: The service's name; drawn where it is left out.
        image: The image's reference, the same in every draw.
        region: The region.
        secrets: Secrets that exist and may be referred to.
        deletion: `management.deletion`; `Delete`, so that a test can destroy what it applied.
        manual_traffic: Whether `strategy: Manual` with `traffic` may be drawn.
    """
    size = draw(resources())
    small = str(size.get("cpu", "")).endswith("m")
    spec: Data = {
        "region": region,
        "image": draw(st.sampled_from([image, {"uri": image}])),
        "management": {"deletion": deletion},
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "resources": st.just(size),
        "scaling": scalings(below_one_cpu=small),
        "access": accesses(),
        "runtime": runtimes(),
        "env": environments(),
        "registry": registries(),
        "events": events(),
    }
    if secrets:
        optional["secrets"] = secret_maps(list(secrets))
    spec |= {key: draw(strategy) for key, strategy in optional.items() if key == "resources" or draw(st.booleans())}
    spec |= draw(_of_a_container(spec, image, secrets))
    if manual_traffic and draw(st.booleans()):
        spec |= {"rollout": {"strategy": "Manual"}, "traffic": draw(splits())}
    elif draw(st.booleans()):
        spec["rollout"] = {"strategy": "AllAtOnce"}
    metadata: Data = {"name": name or draw(service_names())}
    if draw(st.booleans()):
        metadata |= {"labels": draw(label_maps()), **draw(about())}
    return {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": metadata, "spec": spec}
