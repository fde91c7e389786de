"""The made-up LLM server, by itself and as a service of the emulator that stands in for a real engine."""

import json
import re
import socket
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

import emulator.images
from emulator.apis.run.stand_ins import bare
from emulator.images.openai_echo.engine import job
from emulator.images.openai_echo.settings import read
from emulator.processes.ports import Port
from tests.emulator_run.cloud import Cloud, service
from tests.emulator_run.test_instances import eventually

ECHO = "us-docker.pkg.dev/mlservice/images/openai-echo"
IMAGES = emulator.images.__path__[0]


@contextmanager
def echo(*words, **env):
    """A server of a test's own; gives its address once it is well."""
    port = Port()
    variables = {"PORT": str(port.number), **env}
    command = [sys.executable, "-S", "-E", "-B", "-m", "openai_echo", *words]
    with subprocess.Popen(command, cwd=IMAGES, env=variables, stdout=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port.number}"
        try:
            assert eventually(lambda: reaches(port.number))
            yield url
        finally:
            server.terminate()
            server.wait()
            port.release()


def reaches(port):
    """Whether somebody listens."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def quick():
    """A server whose tokens take no time."""
    with echo("serve", "acme/writer", "--rate", "0", "--first-token-delay", "0", "--max-model-len", "64") as url:
        yield url


def chat(text, **more):
    """The body of a question."""
    return {"model": "acme/writer", "messages": [{"role": "user", "content": text}], **more}


def ask(url, body, path="chat/completions", **more):
    """A whole answer."""
    return httpx.post(f"{url}/v1/{path}", json=body, timeout=30, trust_env=False, **more)


def streamed(url, body, path="chat/completions"):
    """The events of a streamed answer."""
    with httpx.stream("POST", f"{url}/v1/{path}", json={**body, "stream": True}, timeout=30, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def metrics(url):
    """What it counts, by name and reason."""
    text = httpx.get(f"{url}/metrics", timeout=30, trust_env=False).text
    found = {}
    for name, labels, value in re.findall(r"^vllm:(\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        reason = re.search(r'finished_reason="(\w+)"', labels)
        if not name.endswith("_bucket"):
            found[f"{name}:{reason[1]}" if reason else name] = float(value)
    return found


@pytest.mark.slow
def test_a_question_is_answered_whole_or_in_parts(quick):
    """The same words, the same counts."""
    whole = ask(quick, chat("how are you")).raise_for_status().json()
    parts = streamed(quick, chat("how are you", stream_options={"include_usage": True}))

    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "how are you"}
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
    assert [part["choices"][0]["delta"].get("content") for part in parts[:-1]] == ["", "how", " are", " you", None]
    assert [part["choices"][0]["finish_reason"] for part in parts[:-1]] == [None] * 4 + ["stop"]
    assert (parts[-1]["choices"], parts[-1]["usage"]) == ([], whole["usage"])


@pytest.mark.slow
def test_a_text_is_completed(quick):
    """As often as it goes into the limit, where that is asked for."""
    body = {"model": "acme/writer", "prompt": "a b c", "max_tokens": 5, "ignore_eos": True}

    whole = ask(quick, body, "completions").json()["choices"][0]
    parts = streamed(quick, body, "completions")

    assert (whole["text"], whole["finish_reason"]) == ("a b c a b", "length")
    assert "".join(part["choices"][0]["text"] for part in parts) == "a b c a b"


@pytest.mark.slow
def test_what_it_serves_is_told(quick):
    """Its models, its health."""
    listed = httpx.get(f"{quick}/v1/models", trust_env=False).json()["data"]

    assert [(each["id"], each["max_model_len"]) for each in listed] == [("acme/writer", 64)]
    assert httpx.get(f"{quick}/v1/models/acme/writer", trust_env=False).json()["id"] == "acme/writer"
    assert httpx.get(f"{quick}/health", trust_env=False).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (chat("a") | {"model": "other"}, 404, "The model `other` does not exist."),
        (chat("a", max_tokens=0) | {"messages": []}, 400, "messages must be a list"),
        (chat("a", max_tokens=-1), 400, "max_tokens must be at least 1"),
        (chat("a", max_tokens=64), 400, "maximum context length is 64 tokens"),
        (chat("a", n=2), 400, "n must be 1"),
        ([], 400, "must be a JSON object"),
        (chat("a", max_tokens=10**12, ignore_eos=True), 400, "maximum context length is 64 tokens"),
        (chat("a", stream=True, stream_options=["usage"]), 400, "stream_options must be an object"),
    ],
    ids=["model", "messages", "max_tokens", "length", "n", "body", "endless", "options"],
)
def test_what_cannot_be_answered_is_refused(quick, body, status, words):
    """As OpenAI's clients read it."""
    answer = ask(quick, body)

    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


@pytest.mark.slow
def test_openais_own_client_reads_it(quick):
    """Where it is installed."""
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{quick}/v1", api_key="x", http_client=httpx.Client(trust_env=False))

    parts = client.chat.completions.create(**chat("to be or not", stream=True))

    assert "".join(part.choices[0].delta.content or "" for part in parts) == "to be or not"
    assert client.completions.create(model="acme/writer", prompt="to be").choices[0].text == "to be"


@pytest.mark.slow
def test_it_works_on_so_many_at_once_and_counts_them():
    """The next waits; who hangs up makes room, and is counted as aborted; `/health` of a busy one waits, if told to."""
    with echo(
        "--rate", "0.001", "--first-token-delay", "0", "--max-num-seqs", "1", "--blocking", "--api-key", "k"
    ) as url:
        headers = {"authorization": "Bearer k"}
        body = chat("never ends", stream=True) | {"model": "openai-echo"}
        options = {"json": body, "headers": headers, "timeout": 30}
        with httpx.Client(trust_env=False) as one, httpx.Client(trust_env=False) as two:
            with one.stream("POST", f"{url}/v1/chat/completions", **options) as first:
                lines = first.iter_lines()
                assert any("never" in line for line in lines)
                with two.stream("POST", f"{url}/v1/chat/completions", **options) as second:
                    assert second.status_code == 200
                    assert eventually(lambda: metrics(url)["num_requests_waiting"] == 1)
                    assert metrics(url)["num_requests_running"] == 1
                with pytest.raises(httpx.ReadTimeout):
                    httpx.get(f"{url}/health", timeout=0.3, trust_env=False)
            assert eventually(lambda: metrics(url)["request_success_total:abort"] == 2)
        assert httpx.get(f"{url}/health", timeout=30, trust_env=False).status_code == 200
        assert metrics(url)["kv_cache_usage_perc"] == 0
        assert ask(url, body).status_code == 401


@pytest.mark.slow
def test_tokens_take_their_time():
    """No token is early: what vLLM's metrics say of them is at least what the rate says."""
    with echo("--rate", "100", "--first-token-delay", "0.05") as url:
        ask(url, {"prompt": "x", "max_tokens": 11, "ignore_eos": True}, "completions").raise_for_status()
        found = metrics(url)

    assert found["generation_tokens_total"] == 11
    assert (found["time_to_first_token_seconds_count"], found["inter_token_latency_seconds_count"]) == (1, 10)
    assert found["time_to_first_token_seconds_sum"] > 0.049
    assert found["time_to_first_token_seconds_sum"] + found["inter_token_latency_seconds_sum"] > 0.149


@pytest.mark.parametrize(
    ("words", "env", "seen"),
    [
        pytest.param([], {}, ("openai-echo", 8000), id="nothing"),
        pytest.param(["--model", "m", "--port", "9"], {"PORT": "7"}, ("m", 7), id="vllm-on-cloud-run"),
        pytest.param(["serve", "m", "--dtype", "auto"], {}, ("m", 8000), id="vllm-serve"),
        pytest.param(["--model", "/w", "--served-model-name", "s", "t"], {}, ("s", 8000), id="served-names"),
        pytest.param(["bash", "-c", "vllm serve gs://b/m --port 8080"], {}, ("gs://b/m", 8080), id="in-a-shell"),
        pytest.param(["serve"], {"OLLAMA_HOST": "0.0.0.0:11434"}, ("openai-echo", 11434), id="ollama"),
        pytest.param(["--model-id=m", "--max-model-len", "8k"], {"OPENAI_ECHO_RATE": "3"}, ("m", 8000), id="tgi"),
    ],
)
def test_command_lines_of_real_engines_are_read(words, env, seen):
    """Model and port are told as they tell them; what is of no matter is ignored."""
    settings = read(words, env)

    assert (settings.models[0], settings.port) == seen
    assert settings.rate == float(env.get("OPENAI_ECHO_RATE", 50))


def test_a_limit_ends_an_answer():
    """It was to be longer: `length`; just as long as the limit is not."""
    assert job("a b c", "a b c", 2).reason == "length"
    assert job("a b c", "a b c", 3).reason == "stop"
    assert job("a b", "a b", None).tokens == ("a", " b")
    assert job("a", "a", 3, endless=True).tokens == ("a", " a", " a")


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("vllm/vllm-openai:v0.12.0", "vllm/vllm-openai"),
        ("docker.io/ollama/ollama@sha256:1", "ollama/ollama"),
        ("localhost:5000/a:1", "localhost:5000/a"),
        ("nginx", "nginx"),
    ],
)
def test_names_of_images_are_compared_without_their_tags(image, name):
    """And without Docker Hub's host, which may be left out."""
    assert bare(image) == name


@pytest.mark.slow
def test_a_real_engines_service_runs_without_a_gpu(emulator):
    """The image of vLLM, its arguments, its port and its probe: the stand-in answers, slowly started, and streams."""
    cloud = Cloud(emulator)
    emulator.control("PUT", "stand-ins", {"vllm/*": ECHO})
    words = [
        "--model",
        "acme/writer",
        "--port",
        "8000",
        "--rate",
        "0",
        "--start-delay",
        "0.3",
        "--gpu-memory-utilization",
    ]
    limits = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}
    probe = {"period_seconds": 10, "failure_threshold": 60, "http_get": {"path": "/health", "port": 8000}}
    container = {
        "args": [*words, "0.9"],
        "ports": [{"container_port": 8000}],
        "resources": {"limits": limits},
        "startup_probe": probe,
    }
    wanted = service("vllm/vllm-openai:v0.12.0", container=container, node_selector={"accelerator": "nvidia-l4"})

    made = cloud.create(wanted=wanted)

    parts = streamed(made.uri, chat("all the way"))
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in parts) == "all the way"
    revision = cloud.revisions.get_revision(name=made.latest_ready_revision)
    assert revision.containers[0].image.startswith("vllm/vllm-openai@sha256:")
    assert made.template.containers[0].image == "vllm/vllm-openai:v0.12.0"
    assert metrics(made.uri)["generation_tokens_total"] == 3
