"""Secrets by shape, name and randomness: hidden everywhere, and ordinary values left in peace."""

import base64
import io
import json
import random
import string
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from rich.console import Console

from reconciler.core import sealing
from reconciler.core.address import Address
from reconciler.core.diff import FieldChange
from reconciler.core.errors import ReconcilerError, StalePlan
from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.engine.apply import Outcome, Report, Result
from reconciler.render.data import as_data
from reconciler.render.fleet import render_fleet
from reconciler.render.history import render_entry, render_history
from reconciler.render.markdown import render_markdown
from reconciler.render.models import render_models
from reconciler.render.monitoring import render_monitored
from reconciler.render.names import Names
from reconciler.render.standing import render_standing
from reconciler.render.status import render_status
from reconciler.render.text import render_text
from reconciler.render.triggers import render_triggers
from schemas import Problem, SourceRef, SpecError, load
from schemas.redaction import HIDDEN, looks_secret, redacted, windows

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"


def text(rng, length, alphabet=ALNUM):
    """Random text, with every sort of character that the alphabet has."""
    return "".join(rng.choice(alphabet) for _ in range(length))


def b64(rng, length):
    return base64.b64encode(rng.randbytes(length)).decode()


def jwt(rng):
    parts = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256"}', rng.randbytes(40)))
    return ".".join((*parts, text(rng, 43)))


# What each issuer's secrets look like: the secret, and the text that people paste it in.
SHAPES = {
    "google-api-key": (lambda r: "AIza" + text(r, 35), "{}"),
    "google-oauth": (lambda r: "ya29." + text(r, 40), "Bearer {}"),
    "google-refresh": (lambda r: "1//0" + text(r, 40), "{}"),
    "google-client-secret": (lambda r: "GOCSPX-" + text(r, 28), "{}"),
    "service-account-key": (
        lambda r: f"-----BEGIN PRIVATE KEY-----\\n{b64(r, 60)}\\n-----END PRIVATE KEY-----",
        '{{"private_key": "{}"}}',
    ),
    "pem": (lambda r: f"-----BEGIN RSA PRIVATE KEY-----\n{b64(r, 60)}\n-----END RSA PRIVATE KEY-----", "{}"),
    "github": (lambda r: "ghp_" + text(r, 36), "https://x-access-token:{}@github.com/acme/ml"),
    "github-fine": (lambda r: "github_pat_11" + text(r, 20), "{}"),
    "gitlab": (lambda r: "glpat-" + text(r, 20), "{}"),
    "npm": (lambda r: "npm_" + text(r, 36), "//registry/:_authToken={}"),
    "pypi": (lambda r: "pypi-AgEI" + text(r, 40), "{}"),
    "docker": (lambda r: "dckr_pat_" + text(r, 27), "{}"),
    "aws-id": (lambda r: "AKIA" + text(r, 16, string.ascii_uppercase + string.digits), "{}"),
    "aws-secret": (lambda r: text(r, 40, ALNUM), "aws_secret_access_key={}"),
    "aws-signed": (lambda r: text(r, 64, HEX), "https://b.s3.amazonaws.com/o?X-Amz-Signature={}"),
    "azure-sas": (lambda r: text(r, 44), "https://a.blob.core.windows.net/c?sv=2024-01-01&sig={}"),
    "azure-storage": (lambda r: b64(r, 64), "AccountName=a;AccountKey={};EndpointSuffix=x"),
    "digitalocean": (lambda r: "dop_v1_" + text(r, 64, HEX), "{}"),
    "vault": (lambda r: "hvs." + text(r, 24), "{}"),
    "terraform": (lambda r: f"{text(r, 14)}.atlasv1.{text(r, 60)}", "{}"),
    "databricks": (lambda r: "dapi" + text(r, 32, HEX), "{}"),
    "grafana": (lambda r: "glsa_" + text(r, 32), "{}"),
    "openai": (lambda r: "sk-proj-" + text(r, 40), "{}"),
    "anthropic": (lambda r: "sk-ant-api03-" + text(r, 40), "{}"),
    "huggingface": (lambda r: "hf_" + text(r, 34), "{}"),
    "replicate": (lambda r: "r8_" + text(r, 37), "{}"),
    "nvidia": (lambda r: "nvapi-" + text(r, 60), "{}"),
    "slack": (lambda r: f"xoxb-{text(r, 12, string.digits)}-{text(r, 24)}", "{}"),
    "slack-hook": (lambda r: f"T{text(r, 8)}/B{text(r, 8)}/{text(r, 24)}", "https://hooks.slack.com/services/{}"),
    "discord-hook": (lambda r: f"{text(r, 18, string.digits)}/{text(r, 60)}", "https://discord.com/api/webhooks/{}"),
    "sendgrid": (lambda r: f"SG.{text(r, 22)}.{text(r, 43)}", "{}"),
    "twilio": (lambda r: "SK" + text(r, 32, HEX), "{}"),
    "mailgun": (lambda r: "key-" + text(r, 32, HEX), "{}"),
    "stripe": (lambda r: "sk_live_" + text(r, 24), "{}"),
    "telegram": (lambda r: f"{text(r, 9, string.digits)}:AA{text(r, 33)}", "{}"),
    "jwt": (jwt, "{}"),
    "basic": (lambda r: b64(r, 18), "Authorization: Basic {}"),
    "url-password": (lambda r: text(r, 9), "postgres://scorer:{}@db.acme.example:5432/ml"),
    "url-password-alone": (lambda r: text(r, 9), "redis://:{}@10.0.0.3:6379"),
    "image-password": (lambda r: text(r, 9), "robot:{}@registry.acme.example/ml/churn"),
    "connection-string": (lambda r: text(r, 9), "Server=db;User Id=scorer;Password={};"),
    "query-token": (lambda r: text(r, 9), "https://train.acme.example/hook?token={}"),
    "gcs-signed": (lambda r: text(r, 128, HEX), "https://storage.googleapis.com/b/o?X-Goog-Signature={}"),
    "no-shape-at-all": (lambda r: text(r, 32), "{}"),
}
EACH = 5
PIECE = 12


def planted(shape):
    """Secrets of one shape, each in the text it stands in."""
    make, around = SHAPES[shape]
    rng = random.Random(shape)  # noqa: S311 - the same in every run
    for _ in range(EACH):
        secret = make(rng)
        yield secret, around.format(secret)


def plan_with(value):
    """A plan in which a value stands wherever one can."""
    here = Address("run_service", "europe-west1", "churn")
    desired = {"image": value, "env": {"PLAIN": value}, "model": {"uri": value, "deep": [value]}}
    changes = (FieldChange("image", value, f"x {value}"), FieldChange("env.PLAIN", value, None))
    made = Change(here, Action.CREATE, ("churn",), reason=value, desired=desired)
    changed = Change(here, Action.UPDATE, ("churn",), consequence=value, changes=changes, desired=desired,
                     observed=desired, problem=value)  # fmt: skip
    return [Plan.of([change], project="acme", services=("churn",), notes=(Note("churn", value),))
            for change in (made, changed)]  # fmt: skip


def rendered(value):
    """Print plans and status in every form, and what an apply says while it goes and at its end."""
    from reconciler.cli.commands.apply import tell  # noqa: PLC0415 - the process's streams are ours by now
    from reconciler.cli.console import out  # noqa: PLC0415 - the same
    from reconciler.cli.progress import Live  # noqa: PLC0415 - the same

    for plan in plan_with(value):
        out(render_text(plan, titles={}))
        out(render_markdown(plan, titles={}))
        out(json.dumps(as_data(plan)))
        error = ReconcilerError(value, hint=value)
        report = Report((Result(plan.changes[0], Outcome.FAILED, 1.0, error),), {plan.changes[0].address: value})
        out(json.dumps(report.to_json()))
        tell(report)
    out(render_status(status_with(value), now=datetime(2026, 11, 25, tzinfo=UTC)))
    out(json.dumps(status_with(value)))
    out(render_models(models_with(value)))
    out(render_monitored(monitored_with(value), now=datetime(2026, 11, 25, tzinfo=UTC), every=False))
    out(render_triggers(triggers_with(value)))
    out(render_fleet([status_with(value)], job_with(value), now=datetime(2026, 11, 25, tzinfo=UTC)))
    out(render_standing("churn", "r", standing_with(value), [value], now=datetime(2026, 11, 25, tzinfo=UTC)))
    out(render_history([entry_with(value)]))
    out(render_entry(entry_with(value)))
    with Live(1, Names({}, "acme")) as live:
        live.say(value)


def status_with(value):
    """A status in which a value stands wherever Google's own words do."""
    condition = {"type": "Ready", "state": "FAILED", "reason": value, "since": "", "message": value}
    revision = {"name": value, "percent": 1, "version": value, "tag": value, "ready": False, "created": ""}
    lock = {"holder": value, "expires": "", "runId": ""}
    opening = {"member": value, "on": value, "role": value, "condition": value, "why": value}
    last = {"status": value, "trigger": value, "claimed": ""}
    retraining = {"training": 0, "lastRun": last, "circuitUntil": "", "frozen": value, "waits": value}
    return {"name": "churn", "region": "r", "problem": value, "settled": True, "url": value, "tags": {"t": value},
            "lastChecked": "", "lastChanged": "", "lock": lock, "missing": [value], "open": [opening],
            "conditions": [condition], "revisions": [revision], "retraining": retraining, "needs": [value],
            "asked": value, "serving": value, "needsYou": [value], "lastPass": standing_with(value),
            "monitoring": [{"which": "skew", "finding": value, "since": value, "at": value, "columns": [value]}],
            "budget": [value],
            }  # fmt: skip


def monitored_with(value):
    """Comparisons with a value wherever Model Monitoring, or whoever may write a row, has put one."""
    column = {"name": value, "finding": "Breach", "reason": value, "distance": 0.4, "limit": 0.1, "missing": 0.0,
              "baselineMissing": 0.0, "since": value,
              "histogram": {"bins": [value], "baseline": [1.0], "serving": [0.5]}}  # fmt: skip
    schedule = {"name": value, "cron": value, "next": value, "paused": False, "problem": value}
    window = {"job": value, "at": value, "finding": value, "reason": value, "distances": {value: 0.4}}
    comparison = {"which": "skew", "finding": "Breach", "reason": value, "at": value, "job": value, "since": value,
                  "inARow": 2, "columns": [column, {**column, "finding": "Calm"}], "minSamples": 1,
                  "schedule": schedule,
                  "unmeasured": {"job": value, "at": value, "reason": value, "going": False},
                  "history": [window, {**window, "job": "another"}]}  # fmt: skip
    return {"name": "churn", "region": "r", "monitor": value, "model": value, "version": value,
            "comparisons": [comparison], "performance": performance_with(value), "gone": [value], "unreadable": [],
            "others": [{"monitor": value, "model": value, "version": value}]}  # fmt: skip


def performance_with(value):
    """What the function said of windows, with a value wherever whoever may write into the bucket has put one."""
    measure = {"name": value, "finding": value, "reason": value, "value": 0.4, "limit": 0.8, "rows": 9.0}
    window = {"at": value, "finding": value, "reason": value, "values": {value: 0.4}}
    return {"finding": "Breach", "reason": value, "at": value, "from": value, "to": value, "since": value, "inARow": 2,
            "predictions": 9, "labelled": 9, "contradictory": 1, "unreadable": 1, "measures": [measure],
            "minSamples": 1, "after": 86_400, "unmeasured": {"at": value, "reason": value},
            "history": [window, window]}  # fmt: skip


def standing_with(value):
    """What a pass found, with a value wherever whoever may write into the bucket has put one."""
    change = {"address": value, "action": value, "outcome": value, "reason": value, "error": value}
    fields = [{"path": value, "before": value, "after": [value]}]
    bundle = {"digest": "", "commit": ""}
    return {"state": value, "said": value, "needs": value, "ended": value, "stale": True, "problems": [value],
            "changes": [{**change, "fields": fields}], "bundle": bundle}  # fmt: skip


def job_with(value):
    """A job of which reports say a value."""
    return {"name": "mlservice", "lastPass": value, "paused": True, "problems": [value]}


def models_with(value):
    """Versions of a model in whose words, which trainings write, a value stands."""
    version = {"version": "1", "aliases": [value], "created": value, "about": value, "artifact": value, "serves": {}}
    told = {"run": {"trigger": value, "key": value}, "verdict": {"reason": value, "metric": value, "candidate": 1.0}}
    return {"name": "churn", "region": "r", "model": value, "versions": [{**version, **told}]}


def triggers_with(value):
    """Triggers with a value wherever events have theirs."""
    decision = {"decided": value, "guard": value, "reason": value}
    trigger = {"name": value, "kind": "pubsub", "source": value, "next": value, "problem": "", "decision": decision}
    return {"name": "churn", "region": "r", "triggers": [trigger, {**trigger, "problem": value}]}


def entry_with(value):
    """An entry of a history with a value wherever whoever may write into the bucket has put one."""
    fields = [{"path": value, "before": value, "after": [value]}, {"path": "env.A", "before": None, "after": value}]
    change = {"address": value, "action": value, "outcome": value, "reason": value, "fields": fields, "error": value}
    by = dict.fromkeys(("name", "account", "run", "execution", "address", "program"), value) | {"kind": "ci"}
    source = dict.fromkeys(("bundle", "author", "run"), value) | {"commit": "", "uncommitted": False, "written": None}
    words = dict.fromkeys(("outcome", "decision", "reason", "environment", "started", "ended"), value)
    return {"service": "churn", "region": "r", **words, "problems": [value], "changes": [{**change, "seconds": 1.0}],
            "leftOut": 0, "by": by, "source": source}  # fmt: skip


def failed_with(value):
    """Fail in every way that ends a command: refused, a bug, a file."""
    from reconciler.cli.app import failed  # noqa: PLC0415 - the process's streams are ours by now
    from reconciler.engine.log import Log  # noqa: PLC0415 - the same

    failed(StalePlan([value]))
    failed(ReconcilerError("no", hint=value))
    failed(SpecError([Problem(SourceRef("mlservice.yaml", 1, 1, "spec"), value, value)]))
    failed(OSError(2, value, value))
    bug = RuntimeError(value)
    bug.__cause__ = ValueError(value)
    failed(bug)
    Log("run-1").write("ERROR", "change failed", error=value, addresses=[value])


def saved(value, folder):
    """What a saved plan holds, word for word: its file passes no console."""
    from reconciler.cli.commands.plan import save_plan  # noqa: PLC0415 - the process's streams are ours by now

    texts = []
    for plan in plan_with(value):
        save_plan(plan, folder / "plan.json", [], "")
        texts.append((folder / "plan.json").read_text())
    return "".join(texts)


def leaked(secret, shown):
    """A piece of a secret, of 12 characters or all of a shorter one, that can be read."""
    core = max(secret.replace("\\n", "\n").split("\n"), key=len)
    pieces = [core[at : at + PIECE] for at in range(max(1, len(core) - PIECE + 1))]
    return next((piece for piece in pieces if piece in shown), None)


@pytest.mark.parametrize("shape", SHAPES)
def test_no_secret_comes_through(shape, capsys):
    """Five secrets of each shape, wherever a value can stand: no piece of one is printed, logged or reported."""
    for secret, said in planted(shape):
        rendered(said)
        failed_with(said)
        got = capsys.readouterr()

        assert (leaked(secret, got.out), leaked(secret, got.err)) == (None, None), redacted(said)
        assert HIDDEN in got.out
        assert HIDDEN in got.err


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_no_secret_is_echoed(shape, capsys):
    """Typed where a command, a path, a value or an option belongs, each shape in each: refused, and not repeated."""
    from reconciler.cli.app import run  # noqa: PLC0415 - the process's streams are ours by now

    places = (["{}"], ["plan", "{}"], ["plan", "--output", "{}"], ["plan", "--{}"], ["apply", "{}"])
    for (secret, said), place in zip(planted(shape), places, strict=True):
        words = [word.replace("{}", said) for word in place]

        assert run(words) in {1, 64}

        got = capsys.readouterr()
        assert leaked(secret, got.out + got.err) is None, words


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_no_secret_is_saved(shape, tmp_path, monkeypatch):
    """Five secrets of each shape, wherever a value can stand in a plan: no piece of one is in the file."""
    monkeypatch.setattr(sealing, "_COST", 2)  # what a guess costs is not the question here
    for secret, said in planted(shape):
        kept = saved(said, tmp_path)

        assert leaked(secret, kept) is None, redacted(said)
        assert "(sealed:" in kept


def test_every_shape_is_planted():
    """At least forty shapes, at least two hundred secrets, all different."""
    secrets = [secret for shape in SHAPES for secret, _ in planted(shape)]

    assert len(SHAPES) >= 40
    assert len(set(secrets)) == len(SHAPES) * EACH >= 200


def test_json_stays_json(capsys):
    """Hiding something in a document does not break it."""
    from reconciler.cli.console import data  # noqa: PLC0415 - the process's streams are ours by now

    for shape in SHAPES:
        for secret, said in planted(shape):
            for plan in plan_with(said):
                data(as_data(plan))
                shown = capsys.readouterr().out
                json.loads(shown)
                assert leaked(secret, shown) is None


def test_json_stays_json_whatever_is_in_it(capsys):
    """The beginning of a key, half a character, what no terminal should get and what is no number; nothing is lost."""
    from reconciler.cli.console import data  # noqa: PLC0415 - the process's streams are ours by now

    key = "-----BEGIN PRIVATE KEY-----"
    data(
        {
            key: "a",
            "b": [key, float("inf")],
            "au\ud800x\x7f\x1b[2J": "c",
            "password": "hunter2",
            "last": 1,
        }
    )

    shown = capsys.readouterr().out
    assert json.loads(shown, parse_constant=pytest.fail) == {
        HIDDEN: "a",
        "b": [HIDDEN, None],
        "au\ud800x\x7f\x1b[2J": "c",
        "password": HIDDEN,
        "last": 1,
    }
    assert shown.replace("\n", "").isprintable()


@pytest.mark.parametrize("styled", [False, True])
def test_half_a_character_is_shown(styled):
    r"""A name in a file of metrics can hold one (`{"au\ud800x": 1}`), which no terminal can be sent."""
    from rich.text import Text  # noqa: PLC0415 - with the console

    from reconciler.cli.console import clean  # noqa: PLC0415 - the process's streams are ours by now

    said = "au\ud800x \udfff"

    assert str(clean(Text(said) if styled else said)) == "au\\ud800x \\udfff"


HOSTILE = (
    "k",
    "A",
    "0",
    "eyJ",
    "ab:/::",
    "://a:",
    "mysql ",
    "-u a ",
    "PASSWORD1",
    "key=",
    "a.",
    "--pass ",
    "\\n",
    "\u200b",
)
"""Texts that, repeated, make a pattern begin everywhere and read on to the end."""


@pytest.mark.parametrize("around", HOSTILE)
def test_long_texts_are_read(around):
    """A file of a training may hold a name of a million characters: here the square of its length would not end."""
    secret = "ghp_" + "a1B2" * 9
    long = around * (60_000 // len(around))

    assert leaked(secret, redacted(f"{long} {secret} {long}")) is None


def test_no_pattern_sees_more_than_a_window():
    """The windows cover a text and overlap, so that the time it takes grows with its length only."""
    for length in (0, 1, 1 << 16, (1 << 16) + 1, 1_000_003):
        parts = [*windows(length)]

        assert (parts[0][0], parts[-1][1]) == (0, length)
        assert all(last - first <= 1 << 16 for first, last in parts)
        assert all(before[1] - after[0] == 1 << 14 for before, after in pairwise(parts))
        assert len(parts) <= 1 + length // ((1 << 16) - (1 << 14))


@pytest.mark.parametrize("length", [40, 5_000, 100_000])
def test_secrets_are_hidden_wherever_a_window_ends(length):
    """A long value is hidden to its end, in whichever window it begins."""
    value = "aB3" * (length // 3)
    for before in (0, *range((1 << 16) - (1 << 14) - 30, (1 << 16) + 30, 8_191)):
        shown = redacted(f"{'x ' * (before // 2)}password={value} last")

        assert "aB3" not in shown
        assert f"password={HIDDEN}" in shown


@pytest.mark.parametrize(
    ("section", "secret"),
    [
        ('image: "user:IMGPASS@h/a/b"', "IMGPASS"),
        ('secrets: {TOKEN: {secret: "SECRETVALUE/+="}}', "SECRETVALUE"),
        ('secrets: {TOKEN: {secret: tok, version: "VERSIONVALUE=="}}', "VERSIONVALUE"),
        ('retraining: {run: {webhook: {url: "http://u:HOOKPASS@x/y?sig=HOOKSIG"}}}', "HOOK"),
        ('notifications: [{webhook: "http://hooks.slack.com/services/T0/B0/HOOKSECRET"}]', "HOOKSECRET"),
        ('model: {uri: "https://m:MODELPASS@x/y"}', "MODELPASS"),
        ('access: {serviceAccount: "robot:ACCPASS@x/y"}', "ACCPASS"),
    ],
)
def test_refusals_echo_no_secret(tmp_path, section, secret):
    """A refused value is shown without what is secret in it; one that stands for a name is not shown at all."""
    file = tmp_path / "mlservice.yaml"
    image = "" if section.startswith("image") else "  image: us-docker.pkg.dev/cloudrun/container/hello\n"
    head = "apiVersion: mlservice/v1\nkind: MLService\nmetadata: {name: svc}\nspec:\n  region: europe-west1\n"
    file.write_text(f"{head}{image}  {section}\n")

    with pytest.raises(SpecError) as refused:
        load(file)

    assert secret not in str(refused.value) + "".join(p.summary + p.hint for p in refused.value.problems)


@pytest.mark.parametrize(
    ("name", "value", "hidden"),
    [
        *((name, "LEAK", True) for name in (
            "SMTP_PWD", "DB_PASS", "PASSPHRASE", "ENCRYPTION_KEY", "AUTH_TOKENS", "PAT", "apiKey", "JWT", "SENTRY_DSN",
            "AUTHORIZATION", "DB_CREDS", "DB_PW", "PASSCODE", "PIN", "DOOR_PIN", "OTP", "SIGNING", "SSHKEY",
            "encryptionKey", "dbPassword", "authToken", "clientSecret", "privateKeyPem", "connectionString", "sshKey",
            "db-password", "spring.datasource.password", "HASH_SALT", "SESSION_COOKIE", "DB_CONNECTION_STRING", "CONN",
            "WEBHOOK", "CLIENT_SECRET",
        )),
        *((name, value, True) for name, value in (
            ("DB_PASSWORD", "48291377"), ("PIN", "4829"), ("OTP", "482913"), ("loginPasscode", "48291377"),
            ("DB_PASS", "12345678"), ("DB_PASSWORD_2", "48291377"),
            ("AUTH_HEADER", "X-Api-Key: tiger9pond"), ("MASTER_KEY_ID", "correct horse battery"),
            ("SECRET_TOKEN_VERSION", "tiger pond 9!"), ("API_KEY_ID", "Sup3rS3cretP4ss"), ("KEY_NAME", "p@ss#word!"),
            ("SEED", "0f" * 16 + "a1b2"), ("VALUE", "9C" * 20),
        )),
        *((name, value, False) for name, value in (
            ("PASSWORD_LENGTH", "12"), ("PIN_MEMORY", "1"), ("TOKEN_LIMIT", "4096"), ("GIT_COMMIT", "0f" * 20),
            ("MODEL_SHA256", "0f" * 32), ("EOS_TOKEN", "128001"), ("PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----"),
            ("SIGNING_ALGORITHM", "HmacSHA256"), ("maxTokens", "4096"),
            ("KEY_ID", "3f2a9c04-11aa-4a8e-9d6e-0a1b2c3d4e5f"),
            ("OPINION", "good"), ("SPIN", "left"), ("KEY_VERSION", "v1.2.3-rc4"), ("tokenizerPath", "meta/llama"),
            ("MAX_TOKENS", "4096"), ("TOKENIZERS_PARALLELISM", "false"), ("PWD", "/app"), ("PATH", "/usr/bin:/bin"),
            ("MONKEY", "yes please"), ("COMPASS", "north"), ("KEY_FILE", "server.key"), ("TOKEN_URL", "https://x/token"),
            ("SECRET_NAME", "churn-token"), ("PARTITION_KEY", "user_id"), ("AUTH_MODE", "iam"), ("TOKEN_TTL", "5m"),
            ("API_KEY_HEADER", "x-api-key"), ("SECRET_ID", "a"), ("PASSWORD_FILE", "/run/secrets/x"),
        )),
    ],
)  # fmt: skip
def test_names_that_say_secret(name, value, hidden):
    """Whole words of a name count; numbers, paths and what a suffix says to be something else do not."""
    assert looks_secret(name, value) is hidden


@pytest.mark.parametrize(
    "around",
    [
        "--password {}", "--db-password {}", "--api-key {}", "--token {}", '"--password", "{}"', "-p {}",
        "mysql -uroot -p{}", "mysql -h db -u root -p {} ml", "docker login -u robot -p {} registry.example",
        "X-Api-Key: {}", "a: 1\npassword: {}", "a: 1\\npassword: {}", "DB_PASSWORD: {}", "curl -H 'x-api-key: {}' http://h",
        "machine h login u password {}", "//registry.npmjs.org/:_authToken={}", "file:x?cipher_key={}",
        "pass\u200bword={}", "--pass\u00adword {}", "jdbc:sqlserver://h;encryptionKey={}", "dbPassword={}",
    ],
)  # fmt: skip
def test_values_beside_their_names(around):
    """Options, headers, lines of YAML, netrc, parameters: the value goes, and what stands around it stays."""
    for secret in ("tiger9pond", "Zebra!Lamp7"):
        said = around.format(secret)

        shown = redacted(said)

        assert secret not in shown
        assert shown == said.replace(secret, HIDDEN)


@pytest.mark.parametrize(("length", "least"), [(16, 60), (20, 75), (24, 80), (32, 95), (40, 98)])
def test_random_lower_case_and_digits(length, least):
    """As labels and names of random things have them; most are found, and the longer they are the more."""
    rng = random.Random(length)  # noqa: S311 - the same in every run
    runs = [text(rng, length, string.ascii_lowercase + string.digits) for _ in range(100)]

    found = [run for run in runs if redacted(run) == HIDDEN]

    print(f"{len(found)} of {len(runs)} random runs of {length} lower-case letters and digits")  # noqa: T201 - evidence
    assert len(found) >= least


@pytest.mark.parametrize(
    "said",
    [
        "docker run -p 8080:80 acme/ml", "mkdir -p data/models", "--port 8080 --max-tokens 512", "--token-file x.txt",
        "secrets.API_KEY: no such secret", "permission to read secret churn-token: denied", "ssh -p 22 host",
        "PARTITION_KEY=user_id", "cp -p a b", "the password is wrong", "--tokenizer meta/llama", "key: value",
        "access.authentication is IAM", "e5mistral7binstruct",
    ],
)  # fmt: skip
def test_words_about_secrets_are_no_secrets(said):
    """Commands, messages and paths that only speak of them."""
    assert redacted(said) == said


def ordinary():
    """Five hundred values as they stand in specs, plans and logs."""
    rng = random.Random(7)  # noqa: S311 - the same in every run
    words = [
        "churn",
        "scorer",
        "europe-west1",
        "growth",
        "onnx",
        "model",
        "v2",
        "Llama-3.1-8B-Instruct",
        "bge-large-en",
    ]
    digest = lambda n: "".join(rng.choice(HEX) for _ in range(n))  # noqa: E731 - short
    for _ in range(50):
        a, b, c = (rng.choice(words).lower() for _ in range(3))
        yield f"europe-west1-docker.pkg.dev/acme/{a}/{b}@sha256:{digest(64)}"
        yield f"gs://acme-models/{a}/{rng.randrange(2000, 2030)}-11-{rng.randrange(1, 28):02d}/model.onnx"
        yield f"serviceAccount:{a}-run@acme-{rng.randrange(99)}.iam.gserviceaccount.com"
        yield f"projects/{rng.randrange(10**11, 10**12)}/locations/europe-west1/services/{a}/revisions/{a}-00001-abc"
        yield f"https://{b}-{digest(10)}-ew.a.run.app/predict?rows={rng.randrange(99)}&explain=true"
        yield f"mlservice.yaml:{rng.randrange(99)}:{rng.randrange(99)}: concurrency: {rng.randrange(99)} is above 10"
        yield f"2026-11-{rng.randrange(1, 28):02d}T07:40:{rng.randrange(60):02d}.{rng.randrange(10**6):06d}Z"
        yield f"--model=meta-llama/Llama-3.1-{rng.randrange(99)}B-Instruct --max-model-len={rng.randrange(9999)} --{c}"
        yield f"iam_member/europe-west1/run_service:{a} roles/run.invoker user:{b}@example.com"
        yield f'resource.name.startsWith("projects/_/buckets/acme-{a}/objects/models/{b}/{digest(16)}/")'


def test_ordinary_values_are_left():
    """Digests, addresses, dates, paths, conditions and commands of every day: none of five hundred is touched."""
    pools = "iam.googleapis.com/projects/999994543563/locations/global/workloadIdentityPools/mlservice-ci"
    assert redacted(f"principalSet://{pools}/attribute.repository/acme/ml") == (
        f"principalSet://{pools}/attribute.repository/acme/ml"
    )
    account = "iam_member/r/x roles/run.invoker serviceAccount:one-caller@local.iam.gserviceaccount.com: gone"
    assert redacted(account) == account
    assert "Zq8" not in redacted(f"//{pools}/Zq8xK2mP0vL7tB4nR1sW9dC6")
    values = list(ordinary())

    touched = [value for value in values if redacted(value) != value]

    print(f"{len(values)} ordinary values, {len(touched)} false positives: {touched}")  # noqa: T201 - the run's evidence
    assert len(values) == 500
    assert touched == []


def test_progress_on_a_terminal_hides_as_well():
    """It has a console of its own, above the spinner and in it."""
    from reconciler.cli.progress import Live  # noqa: PLC0415 - the process's streams are ours by now

    live = Live(1, Names({}, "acme"))
    live._console = Console(file=io.StringIO())
    live._status = live._console.status("")
    for secret, said in planted("github"):
        live.say(said)
        live.tell(replace(plan_with(said)[0].changes[0], address=Address("run_service", "r", secret)), "started", 0.0)

        assert leaked(secret, live._console.file.getvalue()) is None
        assert leaked(secret, str(live._status.status)) is None
    assert HIDDEN in live._console.file.getvalue()


def test_styles_survive(capsys):
    """Hiding a part of a coloured line leaves the colours of the rest."""
    from rich.text import Text  # noqa: PLC0415 - with the console

    from reconciler.cli.console import clean  # noqa: PLC0415 - what it prints has no colour in a pipe

    line = Text.assemble("token ", ("ghp_" + "a1B2" * 9, "red"), (" done", "green"))
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(clean(line))

    assert f"token {HIDDEN}\x1b[32m done" in console.file.getvalue()
