"""What callers of an address see."""

import asyncio
import time
from collections import Counter

import httpx
import pytest

from emulator.processes.plane import Settings
from tests.emulator_run.conftest import GOOD, NOBODY, UNKNOWN

pytestmark = pytest.mark.slow


def test_a_request_starts_an_instance_and_is_answered(bench, http):
    """A service at zero answers its first request."""
    url = bench.serve((bench.revision("a"), 100))

    answer = http.get(url, params={"x": "1"})

    assert (answer.status_code, answer.json()["revision"], answer.json()["x"]) == (200, "a", "1")


def test_the_container_sees_the_callers_request(bench, http):
    """Cloud Run's headers are added; the caller's host, path and query stay."""
    url = bench.serve((bench.revision("a"), 100))

    seen = http.get(f"{url}/headers", headers={"x-mine": "1", "x-forwarded-for": "10.0.0.1"}).json()

    assert seen["host"] == url.removeprefix("http://")
    assert seen["x-mine"] == "1"
    assert seen["x-forwarded-for"] == "10.0.0.1,127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-cloud-trace-context"].endswith(";o=1")
    assert seen["traceparent"].split("-")[1] == seen["x-cloud-trace-context"].split("/")[0]


@pytest.mark.parametrize("size", [0, 1, 100_000, 8_000_000])
@pytest.mark.parametrize("streamed", [False, True])
def test_bodies_arrive_whole_both_ways(bench, http, size, streamed):
    """Bodies of any size, with a length or in chunks, come back as they were sent."""
    url = bench.serve((bench.revision("a"), 100))
    body = b"0123456789" * (size // 10) + b"x" * (size % 10)

    answer = http.post(url, content=iter([body[: size // 2], body[size // 2 :]]) if streamed else body)

    assert answer.status_code == 200
    assert answer.content == body


def test_an_answer_streams_as_it_is_made(bench, http):
    """The first part of an answer arrives while the container still works on the last."""
    url = bench.serve((bench.revision("a"), 100))
    http.get(url)
    began = time.monotonic()

    with http.stream("GET", f"{url}/stream", params={"n": 5, "s": 0.1}) as answer:
        lines = [(line, time.monotonic() - began) for line in answer.iter_lines()]

    assert [line for line, _ in lines] == ["0", "1", "2", "3", "4"]
    assert lines[0][1] < 0.3 < lines[-1][1]


def test_head_and_keep_alive(bench, http):
    """HEAD has headers and no body, and the connection goes on."""
    url = bench.serve((bench.revision("a"), 100))

    assert http.head(url).headers["content-length"] != "0"
    assert [http.get(url).status_code for _ in range(20)] == [200] * 20


def test_traffic_is_split_by_percent(bench, http):
    """Requests go to revisions in the declared proportion; the seed makes the test repeatable."""
    url = bench.serve((bench.revision("a"), 80), (bench.revision("b"), 20))

    seen = Counter(http.get(url).json()["revision"] for _ in range(500))

    assert 0.75 < seen["a"] / 500 < 0.85


def test_a_tag_has_an_address_of_its_own(bench, http):
    """An address without a share of the main one's traffic serves its revision alone."""
    main = bench.serve((bench.revision("a"), 100))
    tag = bench.serve((bench.revision("b"), 100))

    assert {http.get(main).json()["revision"] for _ in range(20)} == {"a"}
    assert {http.get(tag).json()["revision"] for _ in range(20)} == {"b"}


def test_no_request_fails_while_traffic_moves(bench):
    """Traffic moves back and forth between revisions under load, old instances stop: every request is answered."""
    names = [bench.revision("a"), bench.revision("b")]
    url = bench.serve((names[0], 100))
    port = int(url.rsplit(":", 1)[1])

    async def load(seconds):
        seen, failed = Counter(), []
        limits = httpx.Limits(max_connections=16)
        async with httpx.AsyncClient(timeout=20, trust_env=False, limits=limits) as client:

            async def caller():
                until = time.monotonic() + seconds
                while time.monotonic() < until:
                    answer = await client.get(f"{url}/slow", params={"s": 0.01})
                    if answer.status_code == 200:
                        seen[answer.json()["revision"]] += 1
                    else:
                        failed.append(answer.status_code)

            await asyncio.gather(*(caller() for _ in range(16)), move(seconds))
        return seen, failed

    async def move(seconds):
        turns = 8
        for turn in range(turns):
            await asyncio.sleep(seconds / turns)
            new, old = names[(turn + 1) % 2], names[turn % 2]
            await asyncio.to_thread(bench.plane.deploy, new)
            await asyncio.to_thread(bench.serve, (new, 100), port=port, retired=(old,))

    seen, failed = asyncio.run(load(3.0))

    assert failed == []
    assert min(seen["a"], seen["b"]) > 50


def test_a_slow_request_outlives_the_move(bench):
    """A request in flight on the old revision finishes there after traffic has moved and the revision retired."""
    old, new = bench.revision("old"), bench.revision("new")
    url = bench.serve((old, 100))
    port = int(url.rsplit(":", 1)[1])

    async def both():
        async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
            await client.get(url)
            slow = asyncio.create_task(client.get(f"{url}/slow", params={"s": 0.7}))
            await asyncio.sleep(0.2)
            await asyncio.to_thread(bench.serve, (new, 100), port=port, retired=(old,))
            return (await slow).json()["revision"], (await client.get(url)).json()["revision"]

    assert asyncio.run(both()) == ("old", "new")


def test_a_request_over_its_time_is_cut(bench, http):
    """The request timeout of the revision answers 504, and the instance goes on serving."""
    url = bench.serve((bench.revision("a", timeout_s=0.3), 100))

    late = http.get(f"{url}/slow", params={"s": 2})

    assert (late.status_code, late.text) == (504, "upstream request timeout")
    assert http.get(url).status_code == 200


def test_a_crash_is_503_and_the_instance_is_replaced(bench, http):
    """The request that killed the container fails with 503; the next one meets another process."""
    url = bench.serve((bench.revision("a"), 100))
    first = http.get(url).json()["pid"]

    assert http.get(f"{url}/crash").status_code == 503
    assert http.get(url).json()["pid"] != first


@pytest.mark.parametrize("settings", [Settings(pending_s=0.5)])
def test_nothing_left_is_429(bench, tmp_path):
    """With every slot of every allowed instance taken, a request waits, then gets Cloud Run's 429."""
    url = bench.serve((bench.revision("a", concurrency=1, max_instances=1), 100))
    # The wait is 3.5 starts of an instance where those are slow, as on a busy machine: the slot is taken for that long.
    over = tmp_path / "over"

    async def both():
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            await client.get(url)
            slow = asyncio.create_task(client.get(f"{url}/held", params={"until": str(over)}))
            await asyncio.sleep(0.1)
            refused = await client.get(url)
            over.touch()
            return refused.status_code, refused.text, (await slow).status_code

    assert asyncio.run(both()) == (429, "Rate exceeded.", 200)


def test_a_revision_that_does_not_start_is_503(bench, http):
    """A caller of a service whose container dies at start is told, and does not wait for ever."""
    url = bench.serve((bench.revision("a", env={"FAIL": "1"}), 100))

    assert http.get(url).status_code == 503


@pytest.mark.parametrize(
    ("token", "status", "title"),
    [
        pytest.param(None, 403, "Error: Forbidden", id="no-token"),
        pytest.param(UNKNOWN, 401, "Error: Unauthorized", id="bad-token"),
        pytest.param(NOBODY, 403, "Error: Forbidden", id="no-right"),
        pytest.param(GOOD, 200, "", id="invoker"),
    ],
)
@pytest.mark.parametrize("header", ["authorization", "x-serverless-authorization"])
def test_a_private_service_asks_for_an_identity(bench, http, token, status, title, header):  # noqa: PLR0917 - a table
    """Without a good identity token the front end answers for the container, in HTML."""
    url = bench.serve((bench.revision("a"), 100), public=False)

    answer = http.get(f"{url}/headers", headers={header: f"Bearer {token}"} if token else {})

    assert answer.status_code == status
    assert title in answer.text
    if status == 200:
        assert answer.json()[header] == "Bearer good.token.SIGNATURE_REMOVED_BY_GOOGLE"


def test_internal_ingress_hides_the_service(bench, http):
    """With internal ingress a caller from outside gets 404, an emulated Google service gets in."""
    url = bench.serve((bench.revision("a"), 100), internal_only=True)

    assert http.get(url).status_code == 404
    assert http.get(url, headers={"x-emulator-internal": bench.plane.internal_token}).status_code == 200


def test_a_body_over_32_mib_is_refused(bench, http):
    """The quota on HTTP/1 request bodies holds."""
    url = bench.serve((bench.revision("a"), 100))

    assert http.post(url, content=b"x" * (32 * 1024 * 1024 + 1)).status_code == 413


def test_a_page_may_call_a_public_service_by_our_names_only(bench, http):
    """As in Google Cloud the container answers for who may read; a name that is not ours is no service's."""
    url = bench.serve((bench.revision("a"), 100))
    port = url.rpartition(":")[2]

    page = http.get(url, headers={"origin": "https://shop.example.com", "sec-fetch-site": "cross-site"})
    named = http.get(url, headers={"host": f"localhost:{port}"})
    rebound = http.get(url, headers={"host": f"evil.example.com:{port}"})
    preflight = http.options(url, headers={"host": "evil.example.com", "origin": "https://evil.example.com"})

    assert (page.status_code, named.status_code) == (200, 200)
    assert (rebound.status_code, preflight.status_code) == (404, 404)
    assert "was not found on this server" in rebound.text


def test_a_private_service_asks_for_a_token_only_by_our_names(bench, http):
    """A rebound page that has got hold of a token learns nothing by it."""
    url = bench.serve((bench.revision("a"), 100), public=False)

    answer = http.get(url, headers={"authorization": f"Bearer {GOOD}", "host": "evil.example.com"})

    assert answer.status_code == 404
