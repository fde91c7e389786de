"""What the server writes: valid, escaped, the same numbers as its data, and nothing that runs."""

import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from page.address import OF_ALL, OF_ONE, slug
from page.desk import Desk
from page.documents import hidden
from page.rendering import templates
from page.shelf import Shelf
from page.sources import Folder
from page.views.rollout import folded
from schemas.kept import Standings
from schemas.kept.words import LONGEST_TEXT
from tests.page import samples
from tests.page.conftest import client_of, desk_of, put
from tests.page.structure import read

ONE = ("us-central1", "fraud-scorer")


def paths(desk):
    """Every page there is of a fleet."""
    yield from ("/", "/cost", "/changes", "/operator")
    for region, name in desk.shelf.look().services:
        for view in OF_ONE:
            below = "" if view == "service" else f"/{view}"
            yield f"/s/{slug(region)}/{slug(name)}{below}"


def test_every_page_is_valid(desk, browser):
    """No element is left open, none stands where it may not, no id twice, no inline script, style or handler."""
    wrong = {}
    for path in paths(desk):
        answer = browser.get(path)
        tree, mistakes = read(answer.text)
        heads = len(tree.all("h1"))
        if answer.status_code != 200 or mistakes or heads != 1:
            wrong[path] = (answer.status_code, heads, mistakes[:3])

    assert wrong == {}


def test_every_link_leads_somewhere(desk, browser):
    """Links of a page are pages, and its files are files."""
    tree, _ = read(browser.get("/").text)
    service, _ = read(browser.get("/s/us-central1/fraud-scorer").text)
    addresses = {each.attributes["href"] for page in (tree, service) for each in page.all("a")}
    addresses |= {each.attributes["href"] for each in tree.all("link")} | {
        each.attributes["src"] for each in tree.all("script")
    }
    own = sorted(each for each in addresses if each.startswith("/"))

    answers = {each: browser.get(each).status_code for each in own}

    assert len(own) > 20
    assert set(answers.values()) == {200}


@pytest.mark.parametrize("view", OF_ALL)
def test_numbers_are_those_of_the_data(browser, view):
    """Whoever reads the page and whoever reads its JSON read the same."""
    path = "/" if view == "fleet" else f"/{view}"
    tree, _ = read(browser.get(path).text)
    text, told = tree.text, browser.get(f"/{view}.json").json()

    assert told["view"] == view
    for each in told.get("services", []):
        row = next(row for row in tree.all("tr") if each["name"] in [link.text for link in row.all("a")])
        money = each["money"] or {}
        if money.get("spent") and money.get("limit"):
            assert f"{float(money['spent']):,.2f}" in row.text.replace("€", "")
        if view == "fleet":
            assert each["state"]["word"] in row.text
            if each["rollout"] and each["rollout"]["moving"]:
                assert f"{each['rollout']['percent']} %, step {each['rollout']['step']}" in row.text
    for entry in told.get("entries", []):
        assert entry["name"] in text
    for each in told.get("passes", []):
        assert each["execution"] in text


def test_a_rollout_says_why_it_waits(browser):
    """The wait, its reason, each gate with its numbers, every move and what was waited for between them: in words."""
    told = browser.get("/s/us-central1/fraud-scorer/rollout.json").json()
    tree, _ = read(browser.get("/s/us-central1/fraud-scorer/rollout").text)

    assert "waits for data" in tree.all("h2")[0].text
    assert told["now"]["why"] in tree.text
    assert len(tree.all("svg", class_="chart")) == 1 + 2 * len(told["gates"])  # values, and evidence
    rows = tree.all("table", class_="rows")[-1].all("tr")[1:]
    shown = folded(told["decisions"])
    assert [each["why"] in row.text for each, row in zip(shown, rows, strict=True)] == [True] * len(rows)
    assert any(not each["acts"] for each in shown)


def test_waits_for_the_same_are_one_row(browser):
    """The newest stands for all, from when to when and how often; what moved traffic has a row of its own."""
    decisions = browser.get("/s/us-central1/fraud-scorer/rollout.json").json()["decisions"]

    rows = folded(decisions)

    assert [each for each in rows if each["acts"]] == [each for each in decisions if each["acts"]]
    assert sum(each["count"] for each in rows) == sum(each["count"] for each in decisions)
    assert [each["since"] for each in rows] == sorted((each["since"] for each in rows), reverse=True)
    assert len(rows) < len(decisions) / 2
    assert folded(rows) == rows


def test_characters_that_are_none_to_see_are_not_on_a_page(fleet, tmp_path):
    """A file of them is none that people search, and a terminal would do what they say."""
    samples.write(fleet, tmp_path)
    told = fleet.report.to_json() | {"problems": ["a\x00b\x1b[31mc\x9bd\x7fe\tf"]}
    put(tmp_path / "operators/mlservice/latest/0.json", told)

    page = client_of(desk_of(tmp_path)).get("/operator").text

    assert "a\ufffdb\ufffd[31mc\ufffdd\ufffde\tf" in page
    assert not set(page) & {chr(code) for code in [*range(9), *range(14, 32), 127, 155]}


def test_windows_without_data_are_not_zero(browser):
    """They are marked as such, in the sheet of features by windows."""
    told = browser.get("/s/us-central1/eta-scorer/drift.json").json()["comparisons"][0]
    tree, _ = read(browser.get("/s/us-central1/eta-scorer/drift").text)
    empty = sum(cell is None for feature in told["features"] for cell in feature["cells"])

    cells = tree.all("table", class_="heat")[0].all("tbody")[0].all("td", class_="none")

    assert empty
    assert [each.text for each in cells] == ["no data"] * empty


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, request):
    """A fleet whose every text is a stranger's."""
    folder = tmp_path_factory.mktemp("hostile")
    samples.write(samples.fleet(30, hostile=True, seed=3), folder)
    return folder


def test_what_strangers_write_is_text(hostile):
    """A fleet whose texts are markup, templates, scripts: pages are as valid as ever, and none of it is an element."""
    desk = desk_of(hostile, fresh_s=float("inf"))
    browser = client_of(desk)
    wrong = {}
    for path in paths(desk):
        answer = browser.get(path)
        _, mistakes = read(answer.text)
        if answer.status_code != 200 or mistakes or "<script>alert" in answer.text:
            wrong[path] = (answer.status_code, mistakes[:3])

    assert wrong == {}


MARKUP = st.one_of(
    st.sampled_from(samples.HOSTILE),
    st.text(st.sampled_from("<>&\"'`=/{}%$# \n\x00\u202esvgonload"), max_size=60),
    st.text(max_size=60),
)


def test_no_text_becomes_an_element(tmp_path, pytestconfig):
    """Any text, as a service's name, owner, reason, label, gate, column, command: it is shown, and stays text."""
    fleet = samples.fleet(3)
    values = 20  # in each of them
    examples = -(-pytestconfig.getoption("--hostile") // values)

    @settings(max_examples=examples, deadline=None, database=None)
    @given(st.lists(MARKUP, min_size=values, max_size=values))
    def shown(texts):
        told, report = fleet.standings.to_json(), fleet.report.to_json()
        words = iter([f"{text[:200]}mark" for text in texts])
        service, marked = told["services"][1], next(words)
        service |= {"name": marked, "owner": next(words), "labels": {next(words): next(words)}, "url": next(words)}
        service |= {"commit": next(words), "serving": next(words), "environment": next(words)}
        service["rollout"] |= {"why": next(words), "candidate": next(words), "refused": next(words)}
        service["rollout"] |= {"wait": next(words), "phase": next(words)}
        service["rollout"]["gates"][0] |= {"gate": next(words), "why": next(words), "verdict": next(words)}
        service["needsYou"] = [next(words)]
        service["monitoring"]["comparisons"][0] |= {"reason": next(words)}
        service["monitoring"]["windows"][-1]["columns"][0]["name"] = next(words)
        report["problems"] = [next(words)]
        put(tmp_path / "operators/mlservice/latest/0.json", report)
        put(tmp_path / "operators/mlservice/standings/0.json", told)
        browser = client_of(desk_of(tmp_path))
        where = f"/s/{slug(service['region'])}/{slug(marked)}"
        for path in ("/", "/operator", where, f"{where}/rollout", f"{where}/drift"):
            answer = browser.get(path)
            tree, mistakes = read(answer.text)
            assert (answer.status_code, mistakes) == (200, []), path
            assert "mark" in tree.text
            links = {each.attributes["href"].partition(":")[0] for each in tree.all("a", href=True)}
            assert not any(each.strip().lower() in {"javascript", "data", "vbscript"} for each in links)

    shown()


def test_commands_to_copy_are_quoted(tmp_path):
    """A service's name is one word of a shell, whatever is in it."""
    told = samples.fleet(3).standings.to_json()
    told["services"][1]["problem"] = told["services"][2]["problem"] = "gone"
    told["services"][2]["name"] = dashed = "--yes"
    told["services"][1]["name"] = name = "x; rm -rf ~ $(id) `id` 'y"
    put(tmp_path / "operators/mlservice/standings/0.json", told)

    needs = client_of(desk_of(tmp_path)).get("/fleet.json").json()["services"]
    commands = [need["command"] for each in needs if each["name"] == name for need in each["needs"]]

    options = [need["command"] for each in needs if each["name"] == dashed for need in each["needs"]]

    assert [shlex.split(each)[2] for each in commands] == [name] * len(commands)
    assert [each.partition(" -- ")[2] for each in options] == [dashed] * len(options)
    assert commands
    assert options


@pytest.mark.parametrize(("local", "ends"), [(False, "--project=acme-ml"), (True, "--local --project=acme-ml")])
def test_commands_are_for_what_is_shown(documents, local, ends):
    """What is copied from a page of the emulator reaches nothing real; what is copied of a project reaches that one."""
    desk = Desk(Shelf(Folder(documents), patient=True, local=local), lambda: samples.NOW)
    browser = client_of(desk)
    told = [browser.get(path).json() for path in ("/fleet.json", "/operator.json", "/s/us-central1/fraud-scorer.json")]
    commands = [each["command"] for each in told[0]["needsYou"]]
    curl = [each["command"] for each in told[2]["call"] if each["by"] == "curl"]

    assert [("print-identity-token" in each) for each in curl] == [not local]
    commands += [each["command"] for page in told[1:] for each in page["commands"]]

    assert len(commands) > 20
    assert [each for each in commands if not each.endswith(f" {ends}")] == []


STRANGE = (
    "https://evil.example",
    "https://x.run.app.evil.example",
    "https://evil.example/.run.app",
    "https://[::1",
    "http://localhost:@evil.example/",
    "http://127.0.0.1:80@evil.example/",
    "http://127.0.0.1.evil.example/",
    "https://a:b@x-uc.a.run.app",
    "https://x-uc.a.run.app@evil.example",
    "https://x-uc.a.run.app/path",
    "https://x-uc.a.run.app\n",
    "http://x-uc.a.run.app",
    "javascript:alert(1)//.run.app",
)


@pytest.mark.parametrize("local", [False, True])
def test_addresses_are_of_google_or_of_this_machine(tmp_path, local):
    """One that a document made up is no link, and in no command; this machine's is one on the emulator alone."""
    told = samples.fleet(3).standings.to_json()
    own = {"https://x-uc.a.run.app": True, "http://127.0.0.1:8080": local, "http://localhost:80/": local}
    urls = {**dict.fromkeys(STRANGE, False), **own}
    told["services"] = [told["services"][1] | {"name": f"s{n}", "url": url} for n, url in enumerate(urls)]
    put(tmp_path / "operators/mlservice/standings/0.json", told)
    browser = client_of(Desk(Shelf(Folder(tmp_path), patient=True, local=local), lambda: samples.NOW))

    linked, called = {}, {}
    for n, url in enumerate(urls):
        tree, _ = read(browser.get(f"/s/{told['services'][n]['region']}/s{n}").text)
        commands = [each.all("code")[0].text for each in tree.all("span", class_="command")]
        linked[url] = any(each.attributes["href"] == url for each in tree.all("a"))
        called[url] = any(each.startswith("curl ") for each in commands)

    assert linked == urls
    assert called == urls


def test_no_template_says_that_anything_is_safe():
    """Nothing switches escaping off: neither a filter, nor a block, nor a type of Python's."""
    forbidden = re.compile(r"\|\s*safe\b|autoescape|Markup|javascript:|\son[a-z]+=|\sstyle=", re.IGNORECASE)
    loader = templates().loader

    found = {name: forbidden.findall(loader.get_source(templates(), name)[0]) for name in loader.list_templates()}

    assert len(found) > 8
    assert {name: each for name, each in found.items() if each} == {}
    assert templates().autoescape is True


SECRETS = (
    "AKIAPLANTED7EXAMPLE0",
    "ya29.planted-0123456789abcdef",
    "ghp_planted0123456789abcdef0123456789",
    "hunter2-planted",
)
SAID = f"cannot push: key {SECRETS[0]}, Bearer {SECRETS[1]}, {SECRETS[2]}, password: {SECRETS[3]}"


def test_sentences_of_documents_hold_no_secret(tmp_path, fleet):
    """Whoever wrote one into a problem or a reason: it is on no page and in no data, and the rest of it is."""
    told = fleet.report.to_json() | {
        "problems": [SAID],
        "warnings": [SAID],
        "canary": {"build": {}, "held": {"x": SAID}},
    }
    for each in told["services"].values():
        each |= {"state": "failed", "problems": [SAID]}
    told["orphaned"] = [{"region": ONE[0], "name": "left-over", "reason": SAID}]
    known = fleet.standings.to_json() | {"warnings": [SAID]}
    for each in known["services"]:
        each |= {"problem": SAID, "conditions": [SAID], "needs": [{"kind": "stuck", "why": SAID}]}
        each["trail"] = [step | {"why": SAID} for step in each["trail"]]
        if each["rollout"]:
            each["rollout"] |= {"why": SAID, "refused": SAID}
    put(tmp_path / "operators/mlservice/latest/0.json", told)
    put(tmp_path / "operators/mlservice/standings/0.json", known)
    entry = fleet.history[0].to_json() | {"service": ONE[1], "region": ONE[0], "reason": SAID, "problems": [SAID]}
    put(tmp_path / f"history/{ONE[1]}/{ONE[0]}/20261126T140000.000Z-run.json", entry)
    browser = client_of(desk_of(tmp_path, fresh_s=float("inf")))
    below = f"/s/{ONE[0]}/{ONE[1]}"
    shown = [
        browser.get(f"{path}{form}").text
        for path in ("/cost", "/changes", "/operator", below)
        for form in ("", ".json")
    ]
    shown += [browser.get(path).text for path in ("/", "/fleet.json", f"{below}/rollout", f"{below}/drift")]

    assert {secret for secret in SECRETS for text in shown if secret in text} == set()
    assert sum("cannot push: key" in text for text in shown) > 6


def bound(field):
    """How long a text may be, by its schema; None where it is something else."""
    return field.get("maxLength")


def test_whatever_standings_call_a_sentence_is_one():
    """Their form tells sentences from names by how long they may be; none of those is shown as it was written."""
    parts = [Standings.model_json_schema(), *Standings.model_json_schema()["$defs"].values()]
    fields = [(name, field) for part in parts for name, field in part.get("properties", {}).items()]
    sentences = {name for name, each in fields if LONGEST_TEXT in (bound(each), bound(each.get("items", {})))}

    assert {"why", "needsYou"} < sentences
    assert {name for name in sentences if SECRETS[0] in str(hidden({name: SAID}))} == set()


def test_nothing_of_the_machine_is_shown(tmp_path, fleet, monkeypatch):
    """Pages hold what documents hold: no variable of the environment, no path beside the folder that was named."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/keys/planted-key.json")
    monkeypatch.setenv("API_TOKEN", "ya29.planted-secret-of-the-environment")
    samples.write(fleet, tmp_path)
    browser = client_of(desk_of(tmp_path))

    texts = "".join(browser.get(path).text for path in ("/", "/operator", "/fleet.json", "/operator.json"))

    assert "planted" not in texts
