"""What needs no cloud: help, versions, mistakes on the command line, files to start from, and bad files."""

import errno
import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from reconciler.cli.app import COMMANDS, failed
from reconciler.core.exits import WRONG_USAGE
from tests.cli.conftest import COMMAND, ROOT
from tests.cli.test_where import commit
from tests.operating import spec

FULL = Path("/dev/full")


def test_the_version_is_printed(offline):
    """`--version` needs no command beside it, and names the commit that is checked out."""
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    done = offline.afresh("--version")

    assert (done.code, done.out.split()[0]) == (0, "mlservice")
    assert f"(commit {head.stdout.strip() or 'unknown'})" in done.out


def test_without_arguments_the_help_is_shown(offline):
    """Someone who types only the name is told what there is, and has done nothing wrong."""
    done = offline()

    assert done.code == 0
    assert all(name in done.out + done.err for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["aply"], "did you mean 'apply'", id="command"),
        pytest.param(["zzz"], "there is no command 'zzz'", id="far-off-command"),
        pytest.param(["plan", "--locla"], "--local", id="option"),
        pytest.param(["emulator", "strat"], "Did you mean 'start'", id="subcommand"),
        pytest.param(["validate", "--output", "yaml"], "'sarif'", id="choice"),
        pytest.param(["apply", "--lock-timeout", "soon"], "'soon' is no duration", id="duration"),
        pytest.param(["destroy"], "names", id="missing-argument"),
        pytest.param(["predict", "x", "no-such.json", "--local"], "cannot read rows", id="rows-file"),
        pytest.param(["serve", "no-such-folder"], "is no folder", id="folder"),
        pytest.param(["serve", ".", "--port", "80800"], "65535", id="port"),
        pytest.param(["emulator", "advance", "nan"], "'nan' is no duration", id="no-number"),
        pytest.param(["emulator", "env"], "emulator start", id="no-emulator"),
        pytest.param(["emulator", "logs", "svc"], "emulator start", id="no-emulator-logs"),
    ],
)
def test_wrong_usage_is_64_and_says_what_was_meant(offline, arguments, said):
    """Scripts tell a wrong command line from a failed run, and people are told the right one."""
    done = offline(*arguments)

    assert done.code == 64
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "arguments", [["schema"], ["validate", "there.yaml"], ["validate", "there.yaml", "-o", "json"], ["validate", "no"]]
)
def test_a_full_disk_is_no_bug(offline, arguments, stream):
    """What cannot be written is said where something can, and the exit code says it in any case."""
    (offline.folder / "there.yaml").write_text("nonsense: true\n")

    with FULL.open("w") as full:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        done = subprocess.run([*COMMAND, *arguments], cwd=offline.folder, text=True, check=False, **streams)

    assert done.returncode == (0 if (arguments, stream) == (["schema"], "stderr") else 1)
    said = (done.stdout or "") + (done.stderr or "")
    assert "Traceback" not in said
    assert "bug" not in said
    if stream == "stdout" and arguments[-1] in {"schema", "json"}:
        assert "error: the output cannot be written: No space left on device" in said


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_what_cannot_be_written_is_the_output_or_it_is_not(offline, unbuffered):
    """Whether Python buffers or not; a file that there is no room for is no output, which is there all the while."""
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}

    def said(arguments, **streams):
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=offline.folder, env=environment, text=True, check=False, stderr=-1, **streams
        )
        return done.returncode, done.stderr

    with FULL.open("w") as full:
        assert said(["schema"], stdout=full) == (1, "error: the output cannot be written: No space left on device\n")
    file = said(["schema", "--output", str(FULL)], stdout=-1)
    assert file == (1, "error: a file cannot be written: No space left on device\n")


@pytest.mark.parametrize("number", [errno.EIO, errno.EBADF, errno.EPIPE])
def test_an_error_of_something_else_is_not_taken_for_the_output(number, capsys):
    """A disk that cannot be read, a pipe of ours that broke: hidden, nobody could look for it."""
    assert failed(OSError(number, os.strerror(number))) == 1
    assert failed(OSError(number, os.strerror(number), "rows.json")) == 1

    err = capsys.readouterr().err
    assert "the output" not in err
    assert os.strerror(number) in err
    assert f"error: rows.json: {os.strerror(number)}" in err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_change_nothing_else(offline, closed):
    """Schedulers close them: the command does what it does, and its exit code is as ever."""
    (offline.folder / "there.yaml").write_text("nonsense: true\n")
    command = " ".join([*COMMAND, "validate", "there.yaml", closed])

    done = subprocess.run(["/bin/sh", "-c", command], cwd=offline.folder, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr


def test_help_of_a_command_loads_no_google_package(offline):
    """Help and completion answer at once; a command brings only options of its own."""
    done = offline.afresh("plan", "--help", env={"COLUMNS": "200", "PYTHONPROFILEIMPORTTIME": "1"})

    assert done.code == 0
    assert "--detailed-exitcode" in done.out
    assert "--install-completion" not in done.out
    assert "google.cloud" not in done.err


def test_init_in_a_pipe_asks_nothing_and_its_file_is_valid(offline):
    """A script can start from the same file as a person."""
    done = offline("init", "My Scorer")

    assert (done.code, done.out.strip()) == (0, "My Scorer/mlservice.yaml")
    assert "name: my-scorer" in (offline.folder / done.out.strip()).read_text()
    assert offline("validate", "My Scorer").code == 0
    assert offline("init", "My Scorer").code == 64, "it does not overwrite"


@pytest.mark.parametrize("template", ["tabular", "vllm", "ollama", "custom"])
def test_every_template_is_valid_as_it_is_written(offline, template):
    """Without a word of the user's, and without a warning."""
    done = offline("init", "writer", "--template", template)
    valid = offline("validate", "writer")

    assert (done.code, valid.code) == (0, 0), done.err + valid.err
    assert "warning" not in valid.err


def test_init_on_a_terminal_asks(offline):
    """The answer goes into the file."""
    done = offline.on_terminal("init", "--region", "us-central1", "--model", "./m", answer="other-name")

    assert "Name of the service" in done.out
    assert "name: other-name" in (offline.folder / "mlservice.yaml").read_text()


def test_init_refuses_what_would_not_be_valid(offline):
    """A name that no service can have is refused before anything is written."""
    done = offline("init", "x", "--name", "a: b")

    assert done.code == 64
    assert "a: b" in done.err
    assert not (offline.folder / "x").exists()


BAD = "apiVersion: mlservice/v1\nkind: MLService\nmetadata: {name: UPPER}\nspec: {regoin: europe-west1}\n"


def test_validate_says_place_and_hint(offline):
    """People read file:line:column and what to do."""
    (offline.folder / "mlservice.yaml").write_text(BAD)

    done = offline("validate")

    assert done.code == 1
    assert "mlservice.yaml:4:" in done.err
    assert "region" in done.err


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_validate_speaks_to_programs(offline, form):
    """Stdout is one JSON document, good or bad."""
    (offline.folder / "mlservice.yaml").write_text(BAD)

    done = offline("validate", "-o", form)

    assert done.code == 1
    found = done.json if form == "json" else done.json["runs"][0]["results"]
    assert len(found) >= 2 or len(found["problems"]) >= 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["plan", "no-such.yaml", "-o", "json"], 1),
        (["apply", "no-such.yaml", "--output=json"], 1),
        (["plan", "--no-such", "-ojson"], 64),
        (["history", "svc", "--local", "--project", "other", "--output", "json"], 64),
    ],
)
def test_what_goes_wrong_is_json_where_a_program_reads_json(request, arguments, code):
    """Stdout is one JSON document with the exit code; people read the same on stderr."""
    done = request.getfixturevalue("shell" if "--local" in arguments else "offline")(*arguments)

    error = done.json["error"]
    assert (done.code, error["exitCode"]) == (code, code)
    assert all(problem["summary"] in done.err for problem in error["problems"])
    assert error["problems"] or error["message"] in done.err


def test_a_command_after_dashes_reads_what_it_likes(offline):
    """What stands behind `--` is no option of ours."""
    assert offline("emulator", "push", ".", "image", "--", "python", "-o", "json").out == ""


def bad_files(folder):
    """The bad cases, by what is said of them."""
    (folder / "empty").mkdir()
    (folder / "tabs.yaml").write_text("apiVersion: mlservice/v1\n\tkind: MLService\n")
    (folder / "big.yaml").write_text("x: " + "y" * 10_000_000)
    (folder / "binary.yaml").write_bytes(bytes(range(256)) * 10)
    (folder / "loop.yaml").symlink_to("loop.yaml")
    levels = "".join(f"{c}: &{c} [{', '.join([f'*{p}'] * 10)}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    (folder / "bomb.yaml").write_text(f"a: &a [{', '.join('x' * 10)}]\n{levels}")
    (folder / "closed.yaml").write_text(BAD)
    (folder / "closed.yaml").chmod(0)
    return {
        "empty": "no YAML file",
        "tabs.yaml": "tabs.yaml:2:1: a tab",
        "big.yaml": "larger than",
        "binary.yaml": "not UTF-8",
        "loop.yaml": "loop.yaml",
        "bomb.yaml": "bomb.yaml:",
        "missing.yaml": "no such file",
        "closed.yaml": "closed.yaml",
    }


@pytest.mark.slow
def test_bad_files_are_refused_before_anything_is_called(offline):
    """Each is refused with a place and a hint; the emulator is not even started."""
    for name, said in bad_files(offline.folder).items():
        if name == "closed.yaml" and os.geteuid() == 0:
            continue  # root reads everything
        done = offline("apply", name, "--local", "--yes")

        assert (name, done.code) == (name, 1)
        assert said in done.err
        assert "hint: " in done.err
        assert "Traceback" not in done.err
    assert not (offline.folder / "no-emulator").exists()


def completions(words, folder=ROOT):
    """Ask for completions as the shell function does that `--install-completion` writes."""
    env = {**os.environ, "_MLSERVICE_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    env["PYTHONPATH"] = str(ROOT)
    env["COMP_CWORD"] = str(len(words) - 1)
    code = "import sys; sys.argv[0] = 'mlservice'; from reconciler.cli import main; main()"
    done = subprocess.run([COMMAND[0], "-c", code], cwd=folder, env=env, capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["mlservice", "val"], {"validate"}),
        (["mlservice", "plan", "--det"], {"--detailed-exitcode"}),
        (["mlservice", "emulator", "st"], {"start", "stop", "status", "stand-in"}),
        (["mlservice", "import", "--reg"], {"--region"}),
    ],
)
def test_the_shell_completes_commands_and_their_options(words, offered):
    """Commands are imported late, and completion knows their options all the same."""
    assert set(completions(words)) == offered


def test_the_shell_completes_commits_of_the_folder(offline):
    """What `where` may be asked for, without a call: none where there is no repository."""
    none = completions(["mlservice", "where", ""], offline.folder)
    offline.write(spec())
    made = commit(offline.folder)

    assert none == []
    assert completions(["mlservice", "where", made[:3]], offline.folder) == [made[:7]]


NAMING = [
    "status",
    "rollout",
    "promote",
    "destroy",
    "why",
    "history",
    "budget status",
    "models",
    "monitor",
    "graph",
]
"""Commands that take names of services, of each form of the argument."""


@pytest.mark.parametrize(
    ("command", "path"),
    [*((each, "specs/service.yaml") for each in NAMING), ("rollout", "specs/"), ("destroy", "./specs")],
)
def test_a_path_where_a_service_is_named_is_told_by_its_services(offline, command, path):
    """Hands are used to `plan FOLDER`: what is there is named, before anything is called."""
    offline.write(spec(), spec("prices"))
    (offline.folder / "specs").mkdir()
    (offline.folder / "mlservice.yaml").rename(offline.folder / "specs" / "service.yaml")

    done = offline(*command.split(), path, "--local")

    assert done.code == WRONG_USAGE
    assert f"'{path}' is a path; this takes the name of a service: churn, prices" in done.err


@pytest.mark.parametrize("path", ["pipe.yaml", "/dev/zero", "no/", f"{'a' * 300}/", "loop.yaml", "secret.yaml"])
def test_a_path_that_cannot_be_read_is_told_as_one(offline, path):
    """A pipe, a device without an end, nothing, a name that is too long, a link to itself: nothing is waited for.

    Nor is there a word of what cannot be the name of a service: here it would be in the thousands of millions.
    """
    os.mkfifo(offline.folder / "pipe.yaml")
    (offline.folder / "loop.yaml").symlink_to("loop.yaml")
    bomb = "".join(f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n" for before, after in pairwise("abcdefghij"))
    (offline.folder / "secret.yaml").write_text(f"a: &a x\n{bomb}kind: MLService\nmetadata: {{name: *j}}\n")

    done = offline("status", path, "--local")

    assert done.code == WRONG_USAGE
    assert f"'{path}' is a path; this takes the name of a service, as in metadata.name" in done.err


def test_of_a_folder_with_very_many_services_some_are_told(offline):
    """Those of folders below it too, as `plan` finds them; the message can be read."""
    (offline.folder / "specs" / "team").mkdir(parents=True)
    for number in range(30):
        (offline.folder / "specs" / "team" / f"{number}.yaml").write_text(yaml.safe_dump(spec(f"svc-{number:02}")))

    done = offline("destroy", "specs", "./specs", "--local")

    assert "this takes the name of a service: svc-00, svc-01," in done.err
    assert "svc-09 and others" in done.err
    assert "svc-10" not in done.err


@pytest.mark.parametrize("command", ["models promote", "status"])
def test_the_shell_is_given_nothing_but_names_of_services(offline, command):
    """Shells run what completion answers through their own eyes: no line breaks, no signs of theirs, no lists."""
    odd = [spec(name) for name in ("a$(touch x)", "b\nc", "`d`", "Upper")]
    for each, name in ((spec(), ["e"]), (spec(), {"f": 1})):
        odd.append(each | {"metadata": {"name": name}})
    offline.write(*odd, {"no": "spec"}, spec("prices"))

    assert completions(["mlservice", *command.split(), ""], offline.folder) == ["prices"]


def test_completion_waits_for_no_pipe(offline):
    """A file that is named and is none has no services; those of another one beside it are found."""
    os.mkfifo(offline.folder / "pipe.yaml")
    offline.write(spec())

    found = completions(["mlservice", "rollout", "-f", "pipe.yaml", "-f", "mlservice.yaml", ""], offline.folder)
    assert found == ["churn"]


@pytest.mark.parametrize("command", ["rollout", "promote", "status"])
def test_the_shell_completes_services_of_the_specs(offline, command):
    """Those of the file that is named, or of the one beside us; a file that is no YAML has none, and says nothing."""
    job = {"apiVersion": "mlservice/v1", "kind": "Operator", "metadata": {"name": "chores"}, "spec": {}}
    offline.write(spec(), job, spec("prices"))
    (offline.folder / "other.yaml").write_text("a: [")

    assert completions(["mlservice", command, "ch"], offline.folder) == ["churn"]
    assert set(completions(["mlservice", command, ""], offline.folder)) == {"churn", "prices"}
    if command != "status":  # it reads no files
        assert completions(["mlservice", command, "--file", "other.yaml", ""], offline.folder) == []


def test_the_schema_goes_to_stdout_or_into_a_file(offline):
    """And a folder that is not there is an error in one line."""
    assert json.loads(offline("schema").out)["title"]
    done = offline("schema", "--output", "no/such/folder.json")

    assert done.code == 1
    assert "no/such/folder.json" in done.err
    assert "Traceback" not in done.err
