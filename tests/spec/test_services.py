"""What `load` gives: the language's meaning, defaults, places, and what plan shows of them."""

import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError

from schemas import MLService, derived_name, load, service_account_id, to_yaml
from schemas.loader import load_valid
from schemas.sections.resources import GpuType
from schemas.sections.rollout import Strategy
from schemas.yaml.reader import read_documents
from schemas.yaml.tree import to_data
from tests.spec.conftest import SPEC


def test_defaults_of_a_minimal_spec(loaded):
    """The smallest spec says enough: these are the numbers people rely on."""
    spec = loaded(SPEC).service.spec

    assert (spec.resources.cpu_millis, spec.resources.memory_mib, spec.resources.gpu) == (1000, 1024, None)
    assert (spec.scaling.min_instances, spec.scaling.max_instances, spec.scaling.concurrency) == (0, 3, 80)
    assert (spec.runtime.timeout_s, spec.runtime.startup.deadline_s) == (300, 240)
    assert (spec.access.ingress, spec.access.authentication, spec.access.service_account) == ("All", "IAM", "Auto")
    assert spec.rollout.strategy is Strategy.ALL_AT_ONCE
    assert (spec.model, spec.monitoring, spec.registry, spec.budget, spec.traffic) == (None, None, None, None, ())


@pytest.mark.parametrize(
    ("lines", "cpu_millis", "memory_mib", "concurrency"),
    [
        ("resources: {gpu: nvidia-l4}", 4000, 16384, 80),
        ("resources: {gpu: {type: nvidia-rtx-pro-6000}}", 20000, 81920, 80),
        ("resources: {cpu: 500m, memory: 512Mi}", 500, 512, 1),
        ("resources: {cpu: 0.25, memory: 256Mi}", 250, 256, 1),
        ("resources: {cpu: 2, memory: 1.5Gi}", 2000, 1536, 80),
    ],
)
def test_defaults_follow_what_they_go_with(loaded, lines, cpu_millis, memory_mib, concurrency):
    """An accelerator brings its least host; less than one vCPU takes one request at a time."""
    spec = loaded(SPEC.replace("europe-west1", "us-central1") + f"  {lines}\n").service.spec

    assert (spec.resources.cpu_millis, spec.resources.memory_mib) == (cpu_millis, memory_mib)
    assert spec.scaling.concurrency == concurrency


def test_shorthands_mean_the_long_form(loaded):
    """`image`, `gpu` and `budget` may be a single value."""
    short = loaded(SPEC + "  resources: {gpu: nvidia-l4}\n  budget: 900\n")
    long = loaded(
        SPEC.replace("image: gcr.io/acme/app:1", "image: {uri: gcr.io/acme/app:1}")
        + "  resources: {gpu: {type: nvidia-l4}}\n  budget: {amount: 900}\n"
    )

    assert short.service == long.service
    assert short.service.spec.resources.gpu.type is GpuType.L4


def test_expansions_are_what_was_not_written(loaded):
    """`plan` shows defaults and shorthands, and nothing that stands in the file."""
    service = loaded(SPEC + "  scaling: {maxInstances: 5}\n")

    found = {expansion.path: expansion.value for expansion in service.expansions}

    assert found["image.uri"] == "gcr.io/acme/app:1"
    assert found["image.resolve"] == "Digest"
    assert found["scaling.concurrency"] == 80
    assert found["runtime.timeout"] == "5m"
    assert not {"scaling.maxInstances", "region", "image"} & set(found)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("scaling.maxInstances", (6, 27, "scaling.maxInstances")),
        ("spec.scaling.maxInstances", (6, 27, "scaling.maxInstances")),
        ("metadata.name", (2, 18, "metadata.name")),
        ("image.uri", (5, 10, "image.uri")),
        ("scaling", (6, 3, "scaling")),
        ("scaling.minInstances", (6, 3, "scaling.minInstances")),
        ("budget.amount", (3, 1, "budget.amount")),
        ("traffic[1].tag", (7, 40, "traffic[1].tag")),
    ],
)
def test_where(loaded, path, place):
    """A value's own place, a section's key, and for what was not written the nearest thing above it."""
    service = loaded(
        SPEC
        + "  scaling: {maxInstances: 5}\n  traffic: [{version: a, percent: 99}, {version: b, percent: 1}]\n"
        + "  rollout: {strategy: Manual}\n"
    )

    where = service.where(path)

    assert (where.line, where.column, where.path) == place


DEBTS = """\
model: {uri: gs://acme/b/, framework: onnx, features: {debt: {type: number, min: -9}}, prediction: {name: p}}
  monitoring: """


@pytest.mark.parametrize(
    ("lines", "warned"),
    [
        ("region: europe-west13", '4:11: region: warning: "europe-west13" is not a region we know of'),
        ("resources: {gpu: nvidia-l4}", '4:11: region: warning: "europe-north1" is not known to offer nvidia-l4'),
        ("scaling: {maxInstances: 500}", "6:27: scaling.maxInstances: warning: 500 instances may claim 500 vCPUs"),
        ("env: {DB_PASSWORD: hunter2}", "6:22: env.DB_PASSWORD: warning: the value looks like a secret"),
        ("env: {URL: 'https://me:hunter2@db/'}", "6:14: env.URL: warning: the value looks like a secret"),
        (
            "access: {authentication: Public, invokers: ['user:a@b.example']}",
            "6:36: access.invokers: warning: invokers mean nothing where anyone may call",
        ),
        (
            "sidecars: {x: {image: gcr.io/a/b:1}}\n  container: {dependsOn: [x]}",
            '7:27: container.dependsOn[0]: warning: "x" has no startup probe: nothing tells when it has started',
        ),
        (
            "sidecars: {server: {image: gcr.io/a/b:1}}",
            '6:14: sidecars.server: warning: the container that takes requests has no name: it is called "server-2"',
        ),
        (
            "access: {authentication: Off}",
            "6:28: access.authentication: warning: anyone on the internet may call, as nobody is asked",
        ),
        (
            "budget: {amount: 8, currency: EUR, planLimit: 9}",
            "6:49: budget.planLimit: warning: prices are in US dollars, and this is in EUR: no plan is blocked by it",
        ),
        (
            "budget: {amount: 8, currency: USD, perUsd: 0.9}",
            "6:46: budget.perUsd: warning: the budget is in US dollars",
        ),
        (
            "usage: {requestsAtOnce: 81}",
            "6:27: usage.requestsAtOnce: warning: 81 is above scaling.concurrency (80)",
        ),
        ("budget: {amount: 9, planLimit: 8}", "6:34: budget.planLimit: warning: 8 is below the amount (9)"),
        (
            "budget: {amount: 9, currency: EUR, actions: [{at: 1, do: CapInstances, maxInstances: 3}]}",
            "6:88: budget.actions[0].maxInstances: warning: 3 is not below scaling.maxInstances (3)",
        ),
        (
            "budget: {amount: 9, currency: EUR, actions: [{at: 1, do: FreezeRetraining}]}",
            "6:60: budget.actions[0].do: warning: there is no retraining to freeze",
        ),
        (
            "budget: {amount: 9, currency: EUR, actions: [{at: 1, do: StopJobs}]}",
            "6:60: budget.actions[0].do: warning: there is no retraining to stop",
        ),
        (
            "budget: {amount: 9, currency: EUR, actions: [{at: 1, do: ScaleToZero}]}",
            "6:60: budget.actions[0].do: warning: scaling.minInstances is 0: no instance is kept warm",
        ),
        (
            "monitoring: {schedule: '0 0 1 * 1'}",
            '6:26: monitoring.schedule: warning: "0 0 1 * 1" names days of the month and of the week',
        ),
        (
            "monitoring: {slo: {latencyP95: 5m}}",
            "6:34: monitoring.slo.latencyP95: warning: 5m is not below the request timeout (5m)",
        ),
        (
            DEBTS + "{logging: {table: a.b}, drift: {default: 0.2}, logarithmic: [debt]}",
            '7:76: monitoring.logarithmic[0]: warning: "debt" may be below 0, and then counts as missing',
        ),
        (
            DEBTS + "{logging: {table: a.b}, drift: {order: 0.2}}",
            "7:54: monitoring.drift.order: warning: no alert knows of order, and no trigger looks at drift",
        ),
        (
            "registry: {repository: ml, cleanup: {deleteUntaggedAfter: 1d}}",
            "6:61: registry.cleanup.deleteUntaggedAfter: warning: old versions are deleted, none is kept",
        ),
        (
            "registry: {repository: ml, cleanup: {keepLast: 3}}",
            "6:50: registry.cleanup.keepLast: warning: 3 keeps nothing from nobody",
        ),
        (
            "retraining: {run: {customJob: {image: ...}}}",
            '6:41: retraining.run.customJob.image: warning: "..." is a placeholder',
        ),
        (
            "model: {uri: ./model, framework: torch}",
            "6:36: model.framework: warning: torch runs code of the model's file",
        ),
        (
            "model: {uri: ./model, framework: custom}",
            "6:36: model.framework: warning: a class of the model's folder is code",
        ),
        (
            "retraining: {run: {webhook: {url: 'https://a.b'}}, guards: {maxPerDay: 5}}",
            "6:74: retraining.guards.maxPerDay: warning: 5 starts a day cannot be reached",
        ),
        (
            "retraining: {run: {bigqueryML: {query: \"CREATE MODEL a.b OPTIONS(model_type='ARIMA') AS SELECT 1\"}}}",
            '6:42: retraining.run.bigqueryML.query: warning: of "ARIMA" BigQuery exports no booster',
        ),
        (
            'retraining: {run: {bigqueryML: {query: "CREATE MODEL a.b--note\\n TRANSFORM (x) AS SELECT 1"}}}',
            "6:42: retraining.run.bigqueryML.query: warning: a model with TRANSFORM is exported as a program",
        ),
        (
            "retraining: {run: {bigqueryML: {query: \"CREATE MODEL a.b OPTIONS(category_encoding_method='ohe')\"}}}",
            '6:42: retraining.run.bigqueryML.query: warning: a model with "OHE" is not served',
        ),
        (
            "retraining: {run: {cloudRunJob: {name: train}}, promote: Auto}",
            "6:60: retraining.promote: warning: Auto has no alias to move: a better model is only registered",
        ),
        (
            "rollout: {strategy: Canary, steps: [{traffic: 5, hold: 2h}], gates: {errorRate: 0.1}, deadline: 1h}",
            "6:99: rollout.deadline: warning: 1h are over before copies and steps are, which last 2h at least",
        ),
        (
            "container: {livenessProbe: {httpGet: {}, period: 5s}}",
            "6:15: container.livenessProbe: warning: an instance that does not answer for 15s is replaced",
        ),
        (
            "container: {args: [--model, m, --port, '8000']}",
            "6:42: container.args[3]: warning: the container listens at 8000, and Cloud Run asks at 8080",
        ),
    ],
)
def test_what_depends_on_the_project_is_a_warning(said, lines, warned):
    """What may hold in this project does not stop the work; values that look secret are never shown."""
    text = SPEC.replace("europe-west1", "europe-north1") + f"  {lines}\n"
    if lines.startswith("region"):
        text = SPEC.replace("region: europe-west1", lines)

    assert said(text) == [warned]


def test_a_limit_of_order_that_a_trigger_looks_at_is_told_of(said):
    """Nothing is to be said then; a trigger on another comparison tells nothing of it."""
    lines = DEBTS + "{logging: {table: a.b}, drift: {order: 0.2}, predictionDrift: 0.1}"
    trains = "  retraining: {run: {cloudRunJob: {name: train}}}\n  triggers: [{name: t, when: {breach: [%s]}}]\n"

    found = [said(f"{SPEC}  {lines}\n{trains % breach}") for breach in ("drift", "predictionDrift")]

    assert [any("no trigger looks at drift" in each for each in one) for one in found] == [False, True]


def test_code_of_the_folder_needs_leave_where_our_server_loads_it(said):
    """It would not start, minutes after an apply; an image of one's own may load it as it likes."""
    text = SPEC.replace("  image: gcr.io/acme/app:1\n", "  model: {uri: ./model, framework: custom}\n")

    assert said(text) == ["5:36: model.framework: a class of the model's folder is code"]


@pytest.mark.parametrize(
    ("image", "more", "warned"),
    [
        ("docker.io/a/b:1", "", 'image.uri: warning: "docker.io/a/b:1" is in no registry of Google\'s'),
        ("{uri: gcr.io/acme/app:1, resolve: Tag}", "", "image.resolve: warning: a tag may move"),
        ("{uri: gcr.io/acme/app:1}", "", None),
        (
            "gcr.io/acme/app:1",
            "retraining: {run: {customJob: {image: gcr.io/acme/train:1}}}",
            'retraining.run.customJob.image: warning: "gcr.io/acme/train:1" is not an image by its digest',
        ),
    ],
)
def test_images_whose_scans_nobody_can_read_are_warned_of(said, image, more, warned):
    """Where scans decide they are never deployed; where they do not, nothing is said."""
    line = next(line for line in SPEC.splitlines() if "image:" in line)
    text = SPEC.replace(line, f"  image: {image}") + (f"  {more}\n" if more else "")
    gate = "  registry: {repository: ml, scan: {}}\n"

    found = [each.partition(": ")[2] for each in said(text + gate)]
    assert [each[: len(warned or "")] for each in found] == [warned] * bool(warned)
    assert said(text) == []


@pytest.mark.parametrize(
    ("attestors", "found"),
    [
        (["projects/acme/attestors/ci", "projects/example.com:acme/attestors/QA_1"], None),
        (["ci"], '[0]: "ci" names no attestor'),
        (["projects/acme/attestors/ci/x"], '[0]: "projects/acme/attestors/ci/x" names no attestor'),
        (["projects/acme/attestors/a"] * 2, '[1]: "projects/acme/attestors/a" is listed twice'),
    ],
)
def test_attestors_are_named_in_full_and_once(said, attestors, found):
    """As Binary Authorization names them; and of a tag nobody can be one."""
    listed = ", ".join(f"'{each}'" for each in attestors)
    text = SPEC + f"  registry: {{repository: ml, signed: {{attestors: [{listed}]}}}}\n"
    lines = [each.partition("registry.signed.attestors")[2] for each in said(text)]
    tagged = next(line for line in SPEC.splitlines() if "image:" in line)
    moves = said(text.replace(tagged, "  image: {uri: gcr.io/acme/app:1, resolve: Tag}"))

    assert [each[: len(found or "")] for each in lines] == [found] * bool(found)
    assert any("image.resolve: warning: a tag may move" in each for each in moves)


@pytest.mark.parametrize(
    ("cve", "warned"),
    [
        *(("CVE-2024-6345", 0), ("GHSA-4mr9-8vxg-wq2j", 0), ("DSA-5343-1", 0), ("cve-2024-6345", 0)),
        *(("CVE-2024", 1), ("CVE2024-6345", 1), ("openssl", 1), ("6345", 1)),
    ],
)
def test_what_looks_like_no_number_of_a_vulnerability_is_warned_of(said, cve, warned):
    """It would allow nothing, and nobody would see why."""
    entry = f"{{cve: '{cve}', until: 2027-01-31, reason: x}}"

    told = said(SPEC + f"  registry: {{repository: ml, scan: {{allow: [{entry}]}}}}\n")
    assert [f'"{cve}" looks like no vulnerability' in each for each in told] == [True] * warned


def test_a_schedule_finer_than_its_cooldown_is_a_warning(said):
    """Most of what it starts would be dropped."""
    text = (
        SPEC
        + "  retraining: {run: {webhook: {url: 'https://a.b'}}, guards: {cooldown: 1h}}\n"
        + "  triggers: [{name: often, when: {schedule: '*/30 * * * *', timeZone: Europe/Paris}}]\n"
    )

    assert said(text) == ['7:45: triggers[0].when.schedule: warning: "*/30 * * * *" fires every 30m']


def test_secrets_are_not_printed(said):
    """An environment variable's value stays out of every message."""
    checked = said(SPEC + "  env: {TOKEN: hunter2, PORT: hunter2}\n")
    misshapen = said(SPEC + "  env: {A: [hunter2], B: {hunter2: c}}\n")

    assert (len(checked), len(misshapen)) == (2, 2)
    assert "hunter2" not in "".join(checked + misshapen)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("{name: Churn}", '2:18: metadata.name: "Churn" is not a service name'),
        ("{name: churn-}", '2:18: metadata.name: "churn-" is not a service name'),
        (f"{{name: {'a' * 50}}}", f'2:18: metadata.name: "{"a" * 50}" has 50 characters, more than 49'),
        ("{name: churn, labels: {Team: a}}", '2:34: metadata.labels.Team: "Team" is not a label key'),
        ("{name: churn, labels: {team: A}}", '2:40: metadata.labels.team: "A" is not a label value'),
        ("{name: churn, labels: {goog-a: a}}", '2:34: metadata.labels.goog-a: "goog-a" is reserved'),
        ("{name: churn, labels: {managed-by: a}}", '2:34: metadata.labels.managed-by: "managed-by" is reserved'),
        ("{labels: {a: b}}", "2:1: metadata.name: is missing"),
    ],
)
def test_names_and_labels(said, metadata, expected):
    """The rules of Cloud Run and of Google's labels."""
    assert said(SPEC.replace("{name: churn}", metadata)) == [expected]


def test_a_rollout_that_tags_needs_a_shorter_name(said):
    """Cloud Run limits name and tag together, and a canary's new version has a tag."""
    text = SPEC.replace("churn", "a" * 38) + "  rollout: {strategy: Canary, steps: [{traffic: 5}]}\n"

    assert said(text) == [f'2:18: metadata.name: "{"a" * 38}" has 38 characters, more than 37']


@pytest.mark.parametrize(
    "topic",
    ["other-events", "other-retrain", "other-retrain-dead", "other_files", "projects/acme-prod/topics/other-events"],
)
def test_no_trigger_listens_to_another_services_decisions(tmp_path, topic):
    """Two that listen to each other would train for ever; the one that does so is left out, the other stays."""
    told = "  retraining: {run: {webhook: {url: 'https://a.b'}}}\n  triggers: [{name: files, when: "
    prod = "environments: {prod: {project: acme-prod}}\n"
    (tmp_path / "a.yaml").write_text(f"{SPEC}{told}{{pubsub: {topic}}}}}]\n{prod}")
    (tmp_path / "b.yaml").write_text(f"{SPEC.replace('churn', 'other')}{told}{{storage: gs://acme-data/x/}}}}]\n{prod}")

    specs, problems = load_valid(tmp_path, environment="prod")

    assert [str(problem).partition("a.yaml:")[2].split(": ")[:2] for problem in problems] == [
        ["7:43", "triggers[0].when.pubsub"]
    ]
    assert [each.name for each in specs.services] == ["other"]


def test_services_do_not_share_names(tmp_path):
    """Neither their own nor a derived one: the retraining function is a Cloud Run service too."""
    (tmp_path / "a.yaml").write_text(SPEC + "  retraining: {run: {webhook: {url: 'https://a.b'}}}\n")
    (tmp_path / "b.yaml").write_text(SPEC.replace("churn", "churn-retrain"))
    (tmp_path / "c.yaml").write_text(SPEC)

    with pytest.raises(Exception, match="both need the service") as refused:
        load(tmp_path)

    assert [(problem.where.file.rsplit("/")[-1], problem.summary) for problem in refused.value.problems] == [
        ("b.yaml", '"churn-retrain" and "churn" both need the service "churn-retrain"'),
        ("c.yaml", '"churn" is the name of two services'),
    ]


EXPORT = "billing.gcp_billing_export_v1_0A1B2C_3D4E5F_6A7B8C"


@pytest.mark.parametrize(
    ("first", "other", "project", "agree"),
    [
        pytest.param(EXPORT, EXPORT, "", True, id="the-same"),
        pytest.param(EXPORT, EXPORT.replace("v1", "resource_v1"), "", False, id="standard-and-detailed"),
        pytest.param(EXPORT, f"acme-prod.{EXPORT}", "acme-prod", True, id="with-the-project-and-without"),
        pytest.param(EXPORT, f"other.{EXPORT}", "acme-prod", False, id="another-project"),
        pytest.param(EXPORT, f"other.{EXPORT}", "", True, id="whose-the-first-is-is-not-known-yet"),
        pytest.param(EXPORT, "", "", True, id="one-names-none"),
    ],
)
def test_services_of_a_project_have_their_bill_in_one_place(tmp_path, first, other, project, agree):
    """Both places are named; the first service stays and the one that differs is left out."""
    own = f"environments: {{prod: {{project: {project}}}}}\n" if project else "environments: {prod: {}}\n"
    for name, export in (("a", first), ("b", other)):
        told = f"  budget: {{amount: 9, currency: EUR, export: '{export}'}}\n" if export else ""
        (tmp_path / f"{name}.yaml").write_text(f"{SPEC.replace('churn', name)}{told}{own}")

    specs, problems = load_valid(tmp_path, environment="prod")

    bad = [each for each in problems if each.rule == "billing-export"]
    assert [each.name for each in specs.services] == (["a", "b"] if agree else ["a"])
    assert [f"{each.where.file.rsplit('/')[-1]}:{each.where.line}" for each in bad] == ([] if agree else ["b.yaml:6"])
    assert all(f"{tmp_path / 'a.yaml'}:6" in each.hint for each in bad)


def test_projects_have_their_bills_apart(tmp_path):
    """What one of them names says nothing of the other's."""
    for name, table in (("a", EXPORT), ("b", EXPORT.replace("v1", "resource_v1"))):
        told = f"  budget: {{amount: 9, currency: EUR, export: '{table}'}}\n"
        own = f"environments: {{prod: {{project: acme-{name}}}}}\n"
        (tmp_path / f"{name}.yaml").write_text(SPEC.replace("churn", name) + told + own)

    assert [each.name for each in load(tmp_path, environment="prod").services] == ["a", "b"]


@pytest.mark.parametrize(
    "lines",
    [
        "network: {subnetwork: projects/host/regions/europe-west1/subnetworks/serving}",
        "network: {subnetwork: 'https://www.googleapis.com/compute/v1/projects/h/regions/europe-west1/subnetworks/s'}",
        "network: {subnetwork: us-central1}",
        "network: {connector: projects/acme/locations/europe-west1/connectors/serverless}",
    ],
)
def test_a_network_of_the_services_region_is_taken(said, lines):
    """By a full name, whoever's project it is in; a short one says no region."""
    assert said(f"{SPEC}  {lines}\n") == []


@pytest.mark.parametrize("name", ["a", "ab", "churn", "a" * 26, "a" * 27, "quarterly-churn-scorer-of-growth", "a" * 49])
def test_account_ids_fit(name):
    """6 to 30 characters whatever the service is called, and different for different services."""
    account = service_account_id(name)

    assert 6 <= len(account) <= 30
    assert account.endswith("-run")
    assert "--" not in account
    assert account != service_account_id(name + "b")


def test_short_derived_names_stay_readable():
    """A name that fits is not touched."""
    assert derived_name("churn", "retrain", longest=49) == "churn-retrain"
    assert service_account_id("churn") == "churn-run"


def test_models_are_frozen_and_strict():
    """Nobody changes a loaded spec, and nothing unknown gets in."""
    service = MLService.model_validate({"metadata": {"name": "a"}, "spec": {"region": "us-east1", "image": "a"}})

    with pytest.raises(ValidationError):
        service.spec.region = "europe-west1"
    with pytest.raises(ValidationError):
        MLService.model_validate({"metadata": {"name": "a"}, "spec": {"region": "us-east1"}, "status": {}})


def test_yaml_that_is_written_reads_the_same_in_yaml_1_1():
    """Text that an older tool would take for something else is quoted."""
    text = to_yaml({"a": ["no", "1.10", "2026-11-20", "0o10", "1e3", "~", "plain text", "two\nlines"]})

    assert text.splitlines() == [
        "a:",
        *("  - 'no'", "  - '1.10'", "  - '2026-11-20'", "  - '0o10'", "  - '1e3'", "  - '~'"),
        *("  - plain text", r'  - "two\nlines"'),
    ]


def test_loading_imports_nothing_heavy(tmp_path):
    """`validate` starts fast: no Google package, no network, no command-line library."""
    file = tmp_path / "mlservice.yaml"
    file.write_text(SPEC)
    heavy = {"google", "httpx", "jsonschema", "typer", "rich", "asyncio", "http"}
    began = "import sys; began = set(sys.modules)"  # files of packages may load modules into every Python
    code = f"{began}; from schemas import load; load({str(file)!r}); print(*(set(sys.modules) - began))"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not heavy & {module.split(".")[0] for module in run.stdout.split()}


@pytest.mark.parametrize(
    "lines",
    [
        f"model: {{uri: ./model, framework: torch, allowPickle: true, sha256: {'a' * 64}}}",
        f"model: {{uri: ./model, framework: custom, sha256: {'a' * 64}}}",
        "model: {uri: ./model, framework: custom, file: 'package.module:Class'}",
        "model: {uri: ./model, framework: onnx}",
    ],
)
def test_a_model_whose_code_has_leave_needs_no_warning(said, lines):
    """Nor does one without code, or whose code is in the image."""
    assert said(SPEC.replace("europe-west1", "europe-north1") + f"  {lines}\n") == []


def test_a_trusted_type_has_a_full_name(said):
    """As the server's log names it; anything else would never match."""
    told = "model: {uri: ./model, trustedTypes: [acme.steps.Clip, Clip, 'acme.steps:Clip']}"

    assert [line.split(": ", 1)[1] for line in said(SPEC + f"  {told}\n") if "trustedTypes" in line] == [
        'model.trustedTypes[1]: "Clip" is no full name of a type',
        'model.trustedTypes[2]: "acme.steps:Clip" is no full name of a type',
    ]


def test_what_trainings_are_told_fits_into_a_variable(said):
    """One value, and all of them together."""
    told = SPEC + "  retraining: {run: {cloudRunJob: {name: t}}, promote: Never, parameters: {"

    assert [line.split(": ", 1)[1] for line in said(f"{told}a: {'x' * 40_000}}}}}\n")] == [
        "retraining.parameters: 40001 bytes of parameters, more than 16384",
        "retraining.parameters.a: the value has 40000 bytes, more than 4096",
    ]
    many = ", ".join(f"p{number}: {'x ' * 2000}" for number in range(5))
    assert [line.split(": ", 1)[1] for line in said(f"{told}{many}}}}}\n")] == [
        "retraining.parameters: 20005 bytes of parameters, more than 16384"
    ]


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\x80", "\x9f", "\ufeff", "\n"])
def test_what_ends_a_line_or_is_no_character_of_a_file_is_kept(tmp_path, sign):
    """Both parsers read back what was written, in values and in names."""
    data = {"a": {f"x{sign}y": f"{sign}a {sign} b{sign}"}, "b": [sign]}

    text = to_yaml(data)

    assert all(yaml.load(text, Loader=each) == data for each in (yaml.SafeLoader, yaml.CSafeLoader))  # noqa: S506 - safe
    assert sign == "\n" or sign not in text


@pytest.mark.parametrize("sign", ["\x85", "\u2028", "\u2029", "\ufeff", "\n", "\t"])
def test_what_import_writes_of_a_line_end_is_read_again(sign):
    """A service of somebody's may have it in a variable."""
    found, flaws = read_documents(to_yaml({"a": f"x{sign}y"}).encode())

    assert not flaws
    assert to_data(found[0]) == {"a": f"x{sign}y"}
