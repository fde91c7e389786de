"""`mlservice advise`, from what the emulator's instances really took to lines of a file."""

import httpx
import yaml

from tests.operating import spec

HEAD = """\
apiVersion: mlservice/v1
kind: MLService
metadata: {{name: {}}}
spec:
  region: europe-west1
  image: us-docker.pkg.dev/cloudrun/container/hello
  access: {{authentication: Public}}
  management: {{deletion: Delete}}
"""
LARGE = """\
  resources:
    gpu: nvidia-l4   # for the model that we had
  scaling:
    minInstances: 1  # nobody waits
"""
BY_HAND = """\
  resources:
    gpu:
      type: nvidia-l4
  scaling: {minInstances: 1}
"""
FIRST, SECOND = HEAD.format("churn") + LARGE, HEAD.format("other") + BY_HAND
WEEK_S = 7 * 86_400


def test_an_idle_gpu_and_memory_that_is_not_used_go_out_of_the_file(shell, operator):
    """By what was measured; a diff keeps comments, what is left to people is said, and then nothing is advised."""
    operator.apply(yaml.safe_load(FIRST), yaml.safe_load(SECOND))
    for name in ("churn", "other"):
        with httpx.Client(base_url=operator.service(name).uri) as client:
            assert {client.get("/").status_code for _ in range(120)} == {200}
    operator.emulator.advance(60)
    operator.emulator.advance(WEEK_S + 86_400)
    file = shell.folder / "mlservice.yaml"
    file.write_text(f"{FIRST}---\n{SECOND}")

    told = shell("advise", "--local", "--pr", "-o", "json")
    assert (told.code, file.read_text()) == (0, f"{FIRST}---\n{SECOND}")
    service, other = told.json["services"]
    gpu, size = service["advice"]["pieces"]
    assert gpu["edits"][0] == {"path": "resources.gpu", "from": "nvidia-l4", "to": None}
    assert [(edit["path"], edit["to"]) for edit in size["edits"]] == [
        ("resources.cpu", "1"),
        ("resources.memory", "512Mi"),
    ]
    assert float(gpu["saving"]["expected"]) > 100
    assert float(size["saving"]["expected"]) > 10
    assert float(service["measured"]["memory"]["most"]) < 0.03, "of 16 GiB"
    assert service["measured"]["gpu"]["values"] > 600
    assert [each["about"] for each in other["advice"]["pieces"]] == ["gpu", "size"]
    assert [line for line in told.json["diff"].splitlines() if line[0] in "+-"][2:] == [
        "-    gpu: nvidia-l4   # for the model that we had",
        "+    cpu: 1",
        "+    memory: 512Mi",
    ]

    written = shell("advise", "--local", "--write")
    assert written.code == 1, "of the other one people have to write"
    assert "advice: resources.gpu: nvidia-l4 -> none, resources.cpu: 4, resources.memory: 16Gi  saves " in written.out
    assert "as it is: minInstances  1 had requests at once at the most, of 1 that are kept warm" in written.out
    assert "by hand: resources.gpu: (left out), resources.cpu: 1, resources.memory: 512Mi" in written.err
    smaller = FIRST.replace("gpu: nvidia-l4   # for the model that we had", "cpu: 1\n    memory: 512Mi")
    assert file.read_text() == f"{smaller}---\n{SECOND}"

    left = shell("advise", "churn", "--local", "-o", "json").json["services"][0]["advice"]
    assert left["pieces"] == []
    assert "other sizes than its spec" in left["kept"][0]["reason"]


def test_too_little_is_said_and_stops_no_other(shell, operator):
    """A service of today, and one that does not run; times that advice cannot be of are refused."""
    operator.apply(spec())
    operator.emulator.advance(600)
    shell.write(spec(), spec("other"))
    told = shell("advise", "--local", "-o", "json")

    churn, other = told.json["services"]
    assert told.code == 0
    assert [each["about"] for each in churn["advice"]["kept"]] == ["all"]
    assert "too little was measured: 0.0 days" in churn["advice"]["kept"][0]["reason"]
    assert other["unknown"] == "it does not run"
    for wrong in ("2d", "60d", "soon"):
        assert shell("advise", "--local", "--since", wrong).code == 64
