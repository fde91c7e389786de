"""What a spec may say of a container of one's own, and of what lies around it."""

from typing import Any

from hypothesis import strategies as st

Data = dict[str, Any]
_WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6)
_SPANS = st.sampled_from(["1s", "5s", "10s"])


def _optional(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Data]:
    return st.fixed_dictionaries({}, optional=keys)


def probes(*ways: str) -> st.SearchStrategy[Data]:
    """A probe that passes where the container answers at all."""
    asked = {
        "httpGet": _optional(path=st.just("/"), headers=st.just({"X-A": "1"})),
        "tcpSocket": st.just({}),
    }
    way = st.sampled_from(ways).flatmap(lambda name: asked[name].map(lambda said: {name: said}))
    pace = _optional(initialDelay=st.just("1s"), period=st.sampled_from(["10s", "15s"]), timeout=_SPANS)
    tries = st.integers(3, 20).map(lambda count: {"failureThreshold": count})
    return st.builds(lambda *parts: {key: value for part in parts for key, value in part.items()}, way, pace, tries)


@st.composite
def containers(draw: st.DrawFn) -> Data:
    """Short forms or long ones, and never both."""
    said = draw(
        _optional(
            args=st.lists(_WORDS, max_size=2),
            workingDir=st.just("/"),
            name=st.just("server"),
            port=st.sampled_from([8080, 9090, {"containerPort": 7000}]),
        )
    )
    if draw(st.booleans()):
        said |= draw(_optional(health=st.sampled_from(["/", "tcp"]), startup=st.sampled_from(["30s", "9m"])))
    else:
        said |= draw(_optional(startupProbe=probes("httpGet", "tcpSocket"), livenessProbe=probes("httpGet")))
    return said


def mounts(secrets: tuple[str, ...]) -> st.SearchStrategy[Data]:
    """Memory, and secrets that exist."""
    memory = st.sampled_from([{"memory": "16Mi"}, {"memory": "32Mi"}])
    found = {"/scratch": memory, "/data/cache": memory}
    if secrets:
        items = st.sampled_from([{}, {"items": {"value.txt": "1"}}, {"defaultMode": "0400"}])
        found["/etc/conf"] = st.builds(lambda name, said: {"secret": name, **said}, st.sampled_from(secrets), items)
    return st.fixed_dictionaries({}, optional=found)


def sidecars(image: str) -> st.SearchStrategy[Data]:
    """One container beside; the image listens at `PORT`, which must not be the other one's."""
    said = st.fixed_dictionaries(
        {"image": st.sampled_from([image, {"uri": image, "resolve": "Tag"}])},
        optional={
            "env": st.just({"MODE": "a"}),
            "args": st.lists(_WORDS, max_size=2),
            "startupCpuBoost": st.booleans(),
            "memory": st.sampled_from(["512Mi", "1Gi"]),
        },
    )
    return said.map(lambda each: {"beside": {**each, "env": {**each.get("env", {}), "PORT": "0"}}})


def networks() -> st.SearchStrategy[Data]:
    """Directly or through a connector."""
    egress = {"egress": st.sampled_from(["AllTraffic", "PrivateRangesOnly"])}
    connector = st.fixed_dictionaries(
        {"connector": st.just("projects/local/locations/europe-west1/connectors/c")}, optional=egress
    )
    tags = {"tags": st.just(["scoring"])}
    direct = st.fixed_dictionaries({"network": st.just("default")}, optional={**egress, **tags})
    return connector | direct


def around(*, small: bool) -> dict[str, st.SearchStrategy[Any]]:
    """Sections that stand for themselves."""
    generations = ["Gen1"] if small else ["Gen1", "Gen2"]
    return {
        "network": networks(),
        "execution": _optional(environment=st.sampled_from(generations), sessionAffinity=st.booleans()),
        "revision": _optional(
            labels=st.just({"tier": "gold"}), annotations=st.dictionaries(st.just("acme.example/owner"), _WORDS)
        ),
        "protection": st.just({"binaryAuthorization": "Default"}),
        "cloudRun": st.just({"launchStage": "BETA"}),
    }


def about() -> st.SearchStrategy[Data]:
    """What `metadata` says besides."""
    return _optional(
        description=_WORDS, annotations=st.dictionaries(st.just("acme.example/runbook"), _WORDS, max_size=1)
    )
