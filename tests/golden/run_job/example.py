"""A job with every field set, and somebody else's keys in every map."""

from google.cloud.run_v2.types import job

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.run_job import RunJob
from tests.conformance.example import Example
from tests.conformance.ground import accounts, secret

IMAGE = "us-docker.pkg.dev/cloudrun/container/job"
TASK = "template.template"
ENV = f"{TASK}.containers.env"
LIMITS = f"{TASK}.containers.resources.limits"


def api(operator):
    return operator.api("google.cloud.run_v2", "jobs", "Jobs")


def read(operator):
    return api(operator).get_job(request={"name": operator.at.of_region("jobs", "churn-train")})


def write(operator, change):
    live = read(operator)
    change(live)
    api(operator).update_job(request={"job": live}).result(timeout=20)


def add_env(operator, key):
    write(operator, lambda live: live.template.template.containers[0].env.append({"name": key, "value": "1"}))


def add_secret(operator, key):
    source = {"secret_key_ref": {"secret": operator.at.name("token"), "version": "1"}}
    new = {"name": key, "value_source": source}
    write(operator, lambda live: live.template.template.containers[0].env.append(new))


def add_label(operator, key):
    write(operator, lambda live: live.labels.update({key: "1"}))


def move(live):
    live.template.template.containers[0].working_dir = "/theirs"


def beside(live):
    live.template.template.containers[0].name = "first"
    live.template.template.containers.append({"name": "beside", "image": IMAGE})


def prepare(operator):
    accounts(operator, "churn-train", "another")
    secret(operator, "churn-train", "another")


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    example = Example(
        address=Address("run_job", at.region, at.name("churn-train")),
        fields=RunJob(
            image=IMAGE,
            command=("python", "train.py"),
            args=("--rows", "10"),
            env={"LOG_LEVEL": "info"},
            secrets={"TOKEN": f"{at.name('token')}:1"},
            cpu_millis=1000,
            memory_mib=512,
            tasks=2,
            parallelism=0,
            max_retries=0,
            timeout_s=600,
            service_account=at.email("churn-train"),
            labels=ours,
        ),
        edits=(
            {"image": "us-docker.pkg.dev/cloudrun/container/hello"},
            {"command": ()},
            {"args": ("--rows", "20")},
            {"args": ()},
            {"env": {"LOG_LEVEL": "debug", "MODE": "a"}},
            {"secrets": {"TOKEN": f"{at.name('token')}:2"}},
            {"cpu_millis": 2000},
            {"memory_mib": 1024},
            {"tasks": 5},
            {"parallelism": 1},
            {"max_retries": 3},
            {"timeout_s": 3600},
            {"service_account": at.email("another")},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=job.Job,
        places={
            "image": [f"{TASK}.containers.image"],
            "command": [f"{TASK}.containers.command"],
            "args": [f"{TASK}.containers.args"],
            "env": [ENV],
            "secrets": [ENV],
            "cpu_millis": [LIMITS],
            "memory_mib": [LIMITS],
            "tasks": ["template.task_count"],
            "parallelism": ["template.parallelism"],
            "max_retries": [f"{TASK}.max_retries"],
            "timeout_s": [f"{TASK}.timeout"],
            "service_account": [f"{TASK}.service_account"],
            "labels": ["labels"],
        },
        owner=at.name("churn"),
        prepare=prepare,
        unmarked={"labels": {}},
        meddle=lambda operator: write(operator, lambda live: live.annotations.update({"theirs": "1"})),
        theirs=lambda operator: "theirs" in read(operator).annotations,
        by_hand={
            f"{TASK}.containers[0].working_dir": lambda operator: write(operator, move),
            f"{TASK}.containers": lambda operator: write(operator, beside),
        },
        add_key={"env": add_env, "secrets": add_secret, "labels": add_label},
    )
    return (example,)
