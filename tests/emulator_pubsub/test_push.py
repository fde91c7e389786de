"""Pushes: what is sent, with which token, where to, in which order, and when again."""

import base64
import json
import queue
import sys
from contextlib import suppress

import httpx
import jwt
import pytest
from google.cloud import iam_admin_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.pubsub_v1 import PublisherClient, SubscriberClient

from tests.emulator.clients import client
from tests.emulator_pubsub.conftest import OTHER, PROJECT, SUBSCRIPTION
from tests.emulator_pubsub.endpoints import serving
from tests.emulator_pubsub.test_messages import Bench
from tests.emulator_run.cloud import PARENT, Cloud, service

ACCOUNT = "pusher@local.iam.gserviceaccount.com"


@pytest.fixture
def endpoint():
    """Something that is pushed to."""
    with serving() as found:
        yield found


@pytest.fixture
def account(emulator):
    """An account whose tokens are sent."""
    iam = client(emulator, iam_admin_v1.IAMClient)
    iam.create_service_account(name=PROJECT, account_id="pusher")
    return ACCOUNT


def pushing(emulator, url, push=None, **fields):
    """A topic, and a subscription that pushes its messages."""
    return Bench(emulator, push_config={"push_endpoint": url, **(push or {})}, **fields).make()


def ids(endpoint, count):
    return [json.loads(endpoint.next().body)["message"]["messageId"] for _ in range(count)]


def test_the_token_says_who_calls_and_whom(emulator, endpoint, account):
    """Signed as `/oauth2/v3/certs` says; for the endpoint, unless another audience is named."""
    token = {"service_account_email": account}
    bench = pushing(emulator, endpoint.url, {"oidc_token": token})
    bench.publish("a")
    first = endpoint.next()
    bench.subscriber.modify_push_config(
        subscription=SUBSCRIPTION,
        push_config={"push_endpoint": endpoint.url, "oidc_token": token | {"audience": "https://acme.example"}},
    )
    bench.publish("b")
    second = endpoint.next()

    [key] = httpx.get(f"{emulator.http}/oauth2/v3/certs").json()["keys"]
    for asked, audience in ((first, endpoint.url), (second, "https://acme.example")):
        sent = asked.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(sent, jwt.PyJWK(key).key, algorithms=["RS256"], audience=audience)
        assert (claims["email"], claims["email_verified"]) == (account, True)


def test_without_a_token_none_is_sent(emulator, endpoint):
    """And every push says that it is Google's."""
    pushing(emulator, endpoint.url).publish("a")
    asked = endpoint.next()

    assert "authorization" not in asked.headers
    assert asked.headers["user-agent"].startswith("APIs-Google")


def test_a_message_without_its_envelope(emulator, endpoint):
    """The body is the data alone."""
    pushing(emulator, endpoint.url, {"no_wrapper": {}}).publish("plain", attributes={"k": "v"})
    asked = endpoint.next()

    assert asked.body == b"plain"
    assert not [name for name in asked.headers if name.startswith("x-goog-pubsub") or name == "k"]


def test_the_rest_of_a_message_as_headers(emulator, endpoint):
    """Where that is asked for: attributes under their names, all else under `x-goog-pubsub-`."""
    bench = pushing(emulator, endpoint.url, {"no_wrapper": {"write_metadata": True}})
    [number] = bench.publish("plain", attributes={"k": "v"}, ordering_key="x").message_ids
    headers = endpoint.next().headers

    assert headers["k"] == "v"
    assert headers["x-goog-pubsub-message-id"] == number
    assert headers["x-goog-pubsub-subscription-name"] == SUBSCRIPTION
    assert headers["x-goog-pubsub-ordering-key"] == "x"
    assert headers["x-goog-pubsub-publish-time"].endswith("Z")


def test_pushes_of_a_key_wait_for_each_other(emulator, endpoint):
    """The next one is sent when the one before was taken, also when that took two attempts."""
    endpoint.answers = [500, 200]
    bench = pushing(emulator, endpoint.url, enable_message_ordering=True)
    sent = list(bench.publish("1", "2", "3", ordering_key="x").message_ids)

    assert ids(endpoint, 4) == [sent[0], *sent]


def test_a_push_rests_by_the_emulators_clock(emulator, endpoint):
    """As the retry policy says."""
    endpoint.answers = [500]
    bench = pushing(emulator, endpoint.url, retry_policy={"minimum_backoff": {"seconds": 600}})
    bench.publish("a")
    [first] = ids(endpoint, 1)
    emulator.advance(540)
    assert endpoint.asked.empty()
    for _ in range(20):  # the rest may begin after an advance: our answer takes its time to be read
        emulator.advance(660)
        with suppress(queue.Empty):
            assert json.loads(endpoint.next(1).body)["message"]["messageId"] == first
            return
    pytest.fail("it rests for good")


@pytest.mark.slow
def test_pushes_that_fail_end_as_dead_letters(emulator, endpoint):
    """Each attempt is counted in the envelope."""
    endpoint.answers = [500] * 5
    client(emulator, PublisherClient).create_topic(name=OTHER)
    undertaker = f"{PROJECT}/subscriptions/undertaker"
    client(emulator, SubscriberClient).create_subscription(name=undertaker, topic=OTHER)
    bench = pushing(emulator, endpoint.url, dead_letter_policy={"dead_letter_topic": OTHER})
    bench.publish("poison")

    attempts = [json.loads(endpoint.next().body)["deliveryAttempt"] for _ in range(5)]
    [letter] = bench.subscriber.pull(subscription=undertaker, max_messages=1).received_messages

    assert attempts == [1, 2, 3, 4, 5]
    assert letter.message.data == b"poison"


def test_nothing_is_pushed_to_strangers(emulator):
    """Another machine gets nothing; the message waits for whoever pulls it."""
    bench = pushing(emulator, "https://acme.example/push")
    bench.publish("a")
    bench.subscriber.modify_push_config(subscription=SUBSCRIPTION, push_config={})

    [received] = bench.subscriber.pull(subscription=SUBSCRIPTION, max_messages=1).received_messages
    assert received.message.data == b"a"


FORWARD = """
import http.server, os, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        urllib.request.urlopen(urllib.request.Request(os.environ["TARGET"], body)).read()
        self.send_response(204)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def forwarder(emulator, endpoint, tmp_path):
    """Makes a service that sends on to the endpoint what it is sent; gives its address."""
    (tmp_path / "main.py").write_text(FORWARD)
    image = "europe-west1-docker.pkg.dev/local/models/forwarder:v1"
    httpx.post(f"{emulator.http}/v1/{PARENT}/repositories?repositoryId=models", json={"format": "DOCKER"})
    what = {"image": image, "folder": str(tmp_path), "command": [sys.executable, "main.py"]}
    emulator.control("POST", "images", what)

    def make(**fields):
        wanted = service(image, env={"TARGET": endpoint.url}, public=fields.pop("public", False))
        for name, value in fields.items():
            setattr(wanted, name, value)
        return Cloud(emulator).create("forwarder", wanted).uri

    return make


@pytest.mark.slow
def test_a_private_service_takes_pushes_of_who_may_invoke_it(emulator, account, forwarder, endpoint):
    """A Cloud Run service refuses them until the token's account is an invoker."""
    uri = forwarder()
    client(emulator, PublisherClient).create_topic(name=OTHER)
    undertaker = f"{PROJECT}/subscriptions/undertaker"
    client(emulator, SubscriberClient).create_subscription(name=undertaker, topic=OTHER)
    token = {"oidc_token": {"service_account_email": account}}
    bench = pushing(emulator, uri, token, dead_letter_policy={"dead_letter_topic": OTHER})
    bench.publish("refused")
    [letter] = bench.subscriber.pull(subscription=undertaker, max_messages=1).received_messages

    binding = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{account}"])
    asked = iam_policy_pb2.SetIamPolicyRequest(
        resource=f"{PARENT}/services/forwarder", policy=policy_pb2.Policy(bindings=[binding])
    )
    Cloud(emulator).services.set_iam_policy(asked)
    bench.publish("taken")

    assert letter.message.data == b"refused"
    taken = json.loads(endpoint.next().body)["message"]
    assert base64.b64decode(taken["data"]) == b"taken"


def test_a_service_for_inside_callers_takes_pushes(emulator, forwarder, endpoint):
    """Pushes come from inside; a caller from outside does not get in."""
    uri = forwarder(public=True, ingress="INGRESS_TRAFFIC_INTERNAL_ONLY")
    pushing(emulator, uri).publish("a")

    assert endpoint.next().method == "POST"
    assert httpx.post(uri).status_code == 404


@pytest.mark.slow
def test_a_push_that_was_cut_off_is_made_again(start, endpoint):
    """The emulator is killed while the endpoint thinks; the next one starts to push by itself."""
    endpoint.gate.clear()
    emulator = start()
    bench = pushing(emulator, endpoint.url)
    bench.publish("a")
    first = endpoint.next()
    emulator.kill()
    endpoint.gate.set()
    start()
    second = endpoint.next()

    assert json.loads(first.body) == json.loads(second.body)
    assert base64.b64decode(json.loads(second.body)["message"]["data"]) == b"a"
