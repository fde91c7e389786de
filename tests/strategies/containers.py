"""Containers, mounts and sidecars: as records hold them, and as specs say them."""

from typing import Any

from hypothesis import strategies as st

from reconciler.kinds.run_service.container import probe, without_blanks
from reconciler.kinds.run_service.fields import TEMPLATE
from reconciler.kinds.run_service.volumes import content, with_names_where_shared

Data = dict[str, Any]
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)
_NAMES = st.sampled_from(["A", "B", "LONG_NAME", "lower"])
_LISTS = st.lists(WORDS, max_size=3)
PATHS = ("/models", "/data/cache", "/etc/conf", "/x")
SECRETS = st.sampled_from(["token:1", "projects/p/secrets/s:7"])


def ways() -> st.SearchStrategy[Data]:
    """How a probe asks, with or without a port of its own."""
    port = {"port": st.integers(1, 65535)}
    path = st.sampled_from(["/", "/health"])
    headers = st.dictionaries(st.sampled_from(["X-A", "Host"]), WORDS, min_size=1, max_size=2)
    http = st.fixed_dictionaries({"path": path}, optional={**port, "httpHeaders": headers})
    tcp = st.fixed_dictionaries({}, optional=port)
    grpc = st.fixed_dictionaries({}, optional={**port, "service": st.just("a.B")})
    return st.one_of(
        http.map(lambda said: {"httpGet": said}),
        tcp.map(lambda said: {"tcpSocket": said}),
        grpc.map(lambda said: {"grpc": said}),
    )


@st.composite
def probes(draw: st.DrawFn, port: int) -> Data:
    """A probe in its one form, or none."""
    if draw(st.booleans()):
        return {}
    pace = {
        "initialDelaySeconds": draw(st.integers(0, 240)),
        "timeoutSeconds": draw(st.integers(1, 5)),
        "periodSeconds": draw(st.sampled_from([5, 10, 240])),
        "failureThreshold": draw(st.integers(1, 240)),
    }
    return probe({**draw(ways()), **pace}, port)


@st.composite
def containers(draw: st.DrawFn) -> Data:
    """Every field of the container that takes requests."""
    port = draw(st.sampled_from([8080, 8000, 50051]))
    return {
        **{name: draw(_LISTS) for name in ("command", "args", "dependsOn")},
        **{name: draw(WORDS) for name in ("name", "workingDir")},
        **{name: draw(probes(port)) for name in ("startupProbe", "livenessProbe", "readinessProbe")},
        "port": port,
        "protocol": draw(st.sampled_from(["http1", "h2c"])),
        "cpuIdle": draw(st.booleans()),
        "startupCpuBoost": draw(st.booleans()),
    }


def volumes() -> st.SearchStrategy[Data]:
    """What may lie at a path."""
    options = st.lists(st.sampled_from(["only-dir=a", "implicit-dirs", "uid=1"]), unique=True, min_size=1)
    bucket = st.fixed_dictionaries(
        {"bucket": st.sampled_from(["acme-models", "acme-data"]), "readOnly": st.booleans()},
        optional={"mountOptions": options},
    )
    items = st.dictionaries(st.sampled_from(["a.yaml", "b"]), st.sampled_from(["1", "latest"]), min_size=1)
    secret = st.fixed_dictionaries(
        {"secret": st.sampled_from(["conf", "projects/p/secrets/s"]), "defaultMode": st.sampled_from([0o444, 0o400])},
        optional={"items": items},
    )
    share = {"server": st.just("10.0.0.2"), "path": st.sampled_from(["/a", "/"]), "readOnly": st.booleans()}
    memory = st.fixed_dictionaries({}, optional={"sizeMib": st.sampled_from([64, 1024])})
    sql = st.just({"instances": ["p:r:a", "p:r:b"]})
    found = st.one_of(
        bucket.map(lambda said: {"gcs": content("gcs", said)}),
        secret.map(lambda said: {"secret": said}),
        st.fixed_dictionaries(share).map(lambda said: {"nfs": said}),
        sql.map(lambda said: {"cloudSqlInstance": said}),
        memory.map(lambda said: {"emptyDir": said}),
        st.sampled_from([{"emptyDir": {"sizeMib": 32}, "volume": name} for name in ("shared", "scratch")]),
    )
    return st.builds(lambda said, below: {**said, **below}, found, st.sampled_from([{}, {}, {"subPath": "below"}]))


def mounts() -> st.SearchStrategy[Data]:
    """What is mounted in one container."""
    return st.dictionaries(st.sampled_from(PATHS), volumes(), max_size=3)


@st.composite
def sidecars(draw: st.DrawFn, mounted: Data) -> Data:
    """One container beside, whole."""
    secrets = draw(st.dictionaries(_NAMES, SECRETS, max_size=2))
    said = {
        **{name: draw(_LISTS) for name in ("command", "args", "dependsOn")},
        **{name: draw(probes(0)) for name in ("startupProbe", "livenessProbe", "readinessProbe")},
        "workingDir": draw(WORDS),
        "image": draw(WORDS.filter(bool)),
        "env": {name: value for name, value in draw(st.dictionaries(_NAMES, WORDS)).items() if name not in secrets},
        "secrets": secrets,
        "cpuMillis": draw(st.sampled_from([80, 500, 1000, 7000])),
        "memoryMib": draw(st.sampled_from([128, 512, 28672])),
        "cpuIdle": draw(st.booleans()),
        "startupCpuBoost": draw(st.booleans()),
        "mounts": mounted,
    }
    return without_blanks(said)


@st.composite
def beside(draw: st.DrawFn) -> tuple[Data, Data]:
    """Mounts of the container that takes requests, and all sidecars."""
    main = draw(mounts())
    names = draw(st.lists(st.sampled_from(["proxy", "collector"]), unique=True, max_size=2))
    each = {name: draw(mounts()) for name in names}
    with_names_where_shared([main, *each.values()])
    return main, {name: draw(sidecars(mounted)) for name, mounted in each.items()}


def templates() -> st.SearchStrategy[Data]:
    """Every other field of a template."""
    values: Data = {
        "executionEnvironment": st.sampled_from(["", "EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2"]),
        "sessionAffinity": st.sampled_from(["", True]),
        "healthCheckDisabled": st.sampled_from(["", True]),
        "vpcAccess": st.sampled_from(
            [
                {},
                {"connector": "c", "egress": "ALL_TRAFFIC"},
                {"network": "n", "subnetwork": "s", "tags": ["a", "b"], "egress": "PRIVATE_RANGES_ONLY"},
                {"subnetwork": "s", "egress": "ALL_TRAFFIC"},
            ]
        ),
        "encryptionKey": WORDS,
        "encryptionKeyRevocationAction": st.sampled_from(["", "PREVENT_NEW", "SHUTDOWN"]),
        "encryptionKeyShutdownDuration": st.sampled_from(["", "7200s"]),
        "minInstanceCount": st.sampled_from(["", 1, 3]),
        "serviceMesh": WORDS,
    }
    assert values.keys() == TEMPLATE.keys()
    more = st.dictionaries(st.sampled_from(["labels.team", "labels.tier", "annotations.acme.example/owner"]), WORDS)
    return st.builds(lambda said, keys: {**said, **keys}, st.fixed_dictionaries(values), more)
