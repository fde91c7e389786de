"""`mlservice page` and `mlservice report`: what passes left, and what is there where no pass was."""

import importlib
import json
import shlex
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta

import typer

from page.address import OF_ALL, OF_ONE, View, slug
from reconciler.cli.app import module_of
from tests.cli.test_reconcile import AS_THE_JOB
from tests.operating import spec
from tests.page import samples
from tests.page.conftest import desk_of
from tests.page.structure import read

SECRET = "hunter2hunter2hunter2"


def page_of(folder, name="index.html"):
    """Read a file of a report; its tree."""
    tree, mistakes = read((folder / name).read_text(encoding="utf-8"))
    assert mistakes == []
    return tree


def test_what_passes_left_is_written_as_files(shell, operator, tmp_path):
    """The job's report, its standings and the history are one folder of pages, and no secret is in any."""
    operator.apply(spec())
    shell.write(spec(env={"API_TOKEN": SECRET}))
    assert shell("reconcile", "--local", env=AS_THE_JOB).code == 0

    done = shell("report", "--local", "--html", "out")

    folder = shell.folder / "out"
    texts = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())
    assert (done.code, done.out.split(":")[1].split(",")[0].strip()) == (0, "1 service"), done.err
    assert "churn" in page_of(folder).all("table")[0].text
    assert page_of(folder, "operator.html").all("h2")[0].text.startswith("mlservice")
    assert "1 update" in page_of(folder, "changes.html").text
    assert json.loads((folder / "index.json").read_text())["services"][0]["name"] == "churn"
    assert SECRET not in texts


def test_without_a_job_it_looks_by_itself(shell, operator):
    """What was applied from a terminal is shown, with what its spec says; nothing is written into the bucket."""
    shell.write(spec())
    assert shell("apply", "--local", "--yes").code == 0

    done = shell("report", "--local", "--html", "out")

    told = json.loads((shell.folder / "out/s/europe-west1/churn.json").read_text())
    assert done.code == 0, done.err
    assert (told["name"], told["traffic"][0]["percent"]) == ("churn", 100)
    assert told["url"].startswith("http://127.0.0.1:")
    assert shell("operator", "status", "--local").code != 0


def test_a_job_that_is_gone_is_not_believed_for_ever(shell, operator):
    """No inventory is of it, and it missed passes: what is there now is shown, and that no job reports."""
    operator.apply(spec())
    shell.write(spec())
    assert shell("reconcile", "--local", env=AS_THE_JOB).code == 0
    assert shell("destroy", "churn", "--local", "--yes").code == 0
    shell.write(spec("other"))
    assert shell("apply", "--local", "--yes").code == 0
    operator.emulator.advance(7200)

    done = shell("report", "--local", "--html", "out")

    told = json.loads((shell.folder / "out/index.json").read_text())
    assert done.code == 0, done.err
    assert [each["name"] for each in told["services"]] == ["other"]
    assert (told["byHand"], told["stale"], told["needsYou"]) == (True, False, [])
    assert "No job reports" in page_of(shell.folder / "out").text


def test_what_is_copied_is_a_command(tmp_path):
    """Every command that a page shows exists, with each of its options."""
    samples.write(samples.fleet(28), tmp_path)
    desk = desk_of(tmp_path, fresh_s=float("inf"))
    lines = set()
    for view in views(desk):
        lines |= {each["command"] for each in commands_in(desk.make(view).data)}

    refused = {line: why for line in sorted(lines) if line.startswith("mlservice ") and (why := unparsed(line))}

    assert len({line.split()[1] for line in lines}) > 10
    assert refused == {}


def views(desk):
    """Every view of a fleet."""
    yield from (View(name) for name in OF_ALL)
    for region, name in desk.shelf.look().services:
        yield from (View(each, slug(region), slug(name)) for each in OF_ONE)


def commands_in(told):
    """Find what has a command, at any depth."""
    if isinstance(told, dict):
        yield from [told] if "command" in told else []
        for each in told.values():
            yield from commands_in(each)
    elif isinstance(told, list):
        for each in told:
            yield from commands_in(each)


def unparsed(line):
    """Say why the command line does not take it; empty where it does."""
    words = shlex.split(line)[1:]
    command, arguments = typer.main.get_command(importlib.import_module(module_of(words[0])).app), words[1:]
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    try:
        command.make_context(words[0], [*arguments]).close()
    except Exception as error:  # noqa: BLE001 - whatever the library raises is the finding
        return str(error) or type(error).__name__
    return ""


TWO_HOURS = timedelta(hours=2)


def states(address):
    """Every service that a page shows, with its state in a word."""
    told = json.loads(asked(f"{address}fleet.json"))["services"]
    return {each["name"]: each["state"]["word"] for each in told}


def test_open_pages_follow_an_apply(shell, operator):
    """Of the emulator, without a job: a spec that was written since, what it made, and the time that passed there."""
    process = shell.start("page", "--local", "--port", "0")
    try:
        address = process.stdout.readline().strip()
        shell.write(spec())
        assert shell("apply", "--local", "--yes").code == 0
        until(lambda: states(address) == {"churn": "well"})
        before = datetime.fromisoformat(json.loads(asked(f"{address}fleet.json"))["at"])
        operator.emulator.advance(7200)
        until(lambda: datetime.fromisoformat(json.loads(asked(f"{address}fleet.json"))["at"]) - before > TWO_HOURS)
        assert json.loads(asked(f"{address}fleet.json"))["stale"] is False
        heard = urllib.request.urlopen(f"{address}events?since=before", timeout=60)  # noqa: S310 - our own server
        with heard:
            lines = [heard.readline().decode().strip() for _ in range(6)]
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
        process.communicate()

    assert "event: changed" in lines
    assert code == 0


def test_a_copy_of_a_bucket_is_shown_offline(offline, tmp_path):
    """For an audit: no cloud, no emulator. A document that cannot be read is said, and hides nothing."""
    samples.write(samples.fleet(4), tmp_path / "copy")
    well = offline("report", "--documents", "copy", "--html", "well")
    (tmp_path / "copy/operators/mlservice/standings/0.json").write_text("{}")

    ill = offline("report", "--documents", "copy", "--html", "ill")

    assert (well.code, ill.code) == (0, 1)
    assert "cannot read operators/mlservice/standings/0.json" in ill.err
    assert "fraud-scorer" in page_of(tmp_path / "ill").text


def test_wrong_usage_is_told(offline, tmp_path):
    """A folder that is not there, a port that somebody has, nowhere to write to."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        busy = offline("page", "--documents", str(tmp_path), "--port", port)
    (tmp_path / "file").write_text("")

    assert (busy.code, "--port" in busy.err) == (64, True)
    assert offline("page", "--documents", "nowhere").code == 64
    assert offline("report").code == 64
    assert offline("report", "--documents", ".", "--html", "file/below").code == 64
    (tmp_path / "own").mkdir()
    (tmp_path / "own/index.html").write_text("mine")
    refused = offline("report", "--documents", ".", "--html", "own")
    assert (refused.code, "--force" in refused.err) == (64, True)
    empty = offline("report", "--documents", "own", "--html", "out")
    assert (empty.code, "there is no document in" in empty.err) == (1, True)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/operators").write_text("no folder")
    broken = offline("report", "--documents", "odd", "--html", "out")
    assert (broken.code, "cannot list odd/operators" in broken.err) == (1, True)


def test_the_page_is_served_until_it_is_stopped(offline, tmp_path):
    """Its address is the first line; another report is shown without a restart; Ctrl-C ends it well."""
    samples.write(samples.fleet(4), tmp_path / "copy")
    process = offline.start("page", "--documents", "copy", "--port", "0")
    try:
        address = process.stdout.readline().strip()
        first = json.loads(asked(f"{address}fleet.json"))
        samples.write(samples.fleet(5), tmp_path / "copy")
        until(lambda: json.loads(asked(f"{address}fleet.json"))["total"] == 5)
        refused = code_of(urllib.request.Request(address, headers={"Host": "evil.example"}))  # noqa: S310 - the same
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=30)
        process.communicate()

    assert (first["total"], refused, code) == (4, 403, 0)


def asked(address):
    """Ask once."""
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - our own server
        return answer.read()


def code_of(request):
    """Give the code of a refusal."""
    try:
        return urllib.request.urlopen(request, timeout=30).status  # noqa: S310 - our own server
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def until(holds, *, within_s=60.0):
    """Wait until something holds."""
    ends = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > ends:
            raise subprocess.TimeoutExpired("waiting", within_s)
        time.sleep(0.05)
