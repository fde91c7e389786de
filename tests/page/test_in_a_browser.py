"""The page as people see and use it, in Chromium."""

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect, sync_playwright

from page import report
from page.sources import Folder
from schemas.kept import PassReport, Standings
from tests.page.browser import PATIENCE_MS, Running, no_chromium, numbers, served, started, tab
from tests.page.samples import EVERY, NOW, STATES, Fleet, fleet, write

VIEWS = ("fleet", "cost", "changes", "operator", "service", "rollout", "drift", "retraining")
SHOWN = {"rollout": "waits for data", "drift": "drifts", "retraining": "circuit open", "service": "waits for approval"}
"""Of which service each view is looked at: the one that has most to say."""
WIDTHS = (1440, 768, 320)


@pytest.fixture(scope="module")
def chromium():
    """One browser for these tests; its tabs share nothing. It ends with them: no loop runs beside Playwright's."""
    no_chromium()
    with sync_playwright() as playwright:
        browser = started(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A fleet in every state, served as on one's own machine."""
    running, made = served(tmp_path_factory.mktemp("documents"), 30)
    yield running, made
    running.stop()


def address(running, made: Fleet, view: str, state: str = "") -> str:
    """Where a view is."""
    if view not in SHOWN:
        return running.address + ("/" if view == "fleet" else f"/{view}")
    wanted = state or SHOWN[view]
    region, name = next(key for key, each in made.states.items() if each == wanted)
    return f"{running.address}/s/{region}/{name}" + ("" if view == "service" else f"/{view}")


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_whole_and_within_reach_in_every_light_and_width(chromium, place, view):
    """No error, nothing blocked, nothing from elsewhere, nothing that keeps anybody out, nothing beyond the edge."""
    with tab(chromium, address(*place, view), viewport={"width": 1440, "height": 900}) as opened:
        for width in WIDTHS:
            opened.page.set_viewport_size({"width": width, "height": 900})
            assert opened.sideways() <= 0, width
            opened.page.emulate_media(color_scheme="light")
            assert opened.axe() == [], width
            opened.page.emulate_media(color_scheme="dark")
            assert opened.axe(colours=True) == [], width
        assert opened.troubles == []


def test_what_should_not_happen_would_be_seen(chromium, place):
    """The instruments work: a picture without words, a script of a stranger's and a call elsewhere are all found."""
    running, _ = place
    with tab(chromium, running.address) as opened:
        opened.page.evaluate(
            """() => {
              document.querySelector('footer').insertAdjacentHTML('afterbegin', '<img src="http://evil.example/x.png">');
              document.body.append(Object.assign(document.createElement('script'), {text: 'window.mine = 1'}));
              console.error('broken');
            }"""
        )
        opened.until("(window.violations ?? []).length >= 2")

        assert any(each.startswith("image-alt") for each in opened.axe())
        assert any("broken" in each for each in opened.troubles)
        assert {each.partition(":")[0] for each in opened.page.evaluate("window.violations")} == {
            "img-src",
            "script-src-elem",
        }
        assert opened.page.evaluate("window.mine === undefined")


@pytest.mark.parametrize("view", VIEWS)
def test_numbers_are_the_same_without_a_script(chromium, place, view):
    """Every number is in what the server sends; a script adds none and takes none away."""
    where = address(*place, view)
    with tab(chromium, where) as scripted, tab(chromium, where, java_script_enabled=False) as plain:
        assert numbers(scripted.page.content()) == numbers(plain.page.content())
        assert plain.page.locator("main h1").count() == 1


@pytest.mark.parametrize(("zone", "ahead"), [("Asia/Kolkata", timedelta(hours=5.5)), ("UTC", timedelta())])
def test_charts_are_in_the_zone_of_everything_else(chromium, place, zone, ahead):
    """Times below a chart are the reader's, as those beside it are, which the page says once."""
    with tab(chromium, address(*place, "rollout"), timezone_id=zone) as opened:
        found = opened.page.eval_on_selector_all(
            "text.tick", "all => all.map(each => [each.dataset.at, each.dataset.form, each.textContent])"
        )
        said = opened.page.locator("[data-zone]").first.inner_text()

    there = [(datetime.fromisoformat(at) + ahead, form, text) for at, form, text in found]
    assert len(there) > 4
    assert [text for _, _, text in there] == [
        f"{at:%H:%M}" if form == "hour" else f"{at.day} {at:%b}" for at, form, _ in there
    ]
    assert zone in said or said.endswith(("Calcutta", "Kolkata"))


def test_by_keyboard_alone_from_the_fleet_to_why(chromium, place):
    """Tab and Enter lead from what needs somebody to the decision and its reason, and where one is can be seen."""
    running, made = place
    region, name = next(key for key, state in made.states.items() if state == "waits for data")
    with tab(chromium, f"{running.address}/?q={name}") as opened:
        follow(opened.page, f"/s/{region}/{name}")
        opened.page.wait_for_url(f"**/s/{region}/{name}")
        follow(opened.page, f"/s/{region}/{name}/rollout")
        opened.page.wait_for_url(f"**/s/{region}/{name}/rollout")
        [standing] = [each for each in made.standings.services if (each.region, each.name) == (region, name)]

        assert standing.rollout.why in opened.page.locator("main").inner_text()
        assert opened.troubles == []


def follow(page, href: str) -> None:
    """Reach a link by Tab, seeing at each stop where one is, and go there by Enter."""
    for _ in range(80):
        page.keyboard.press("Tab")
        at = page.evaluate(
            """() => {
              const here = document.activeElement, style = getComputedStyle(here), box = here.getBoundingClientRect();
              const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
              return {href: here.getAttribute('href'), tag: here.tagName, seen, wide: box.width * box.height > 0};
            }"""
        )
        assert at["tag"] != "BODY", f"the end was reached before {href}"
        assert at["seen"], at
        assert at["wide"], at
        if at["href"] == href:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{href} was not reached")


@pytest.mark.parametrize("view", VIEWS)
def test_on_paper_everything_stands(chromium, place, view):
    """Printed, no table, reason or number is folded away, and nothing that only a screen can use is there."""
    where = address(*place, view)
    with tab(chromium, where) as opened:
        opened.page.evaluate("window.print = () => { window.printed = true; }")
        opened.page.emulate_media(media="print")
        hidden = opened.page.evaluate(
            """() => [...document.querySelectorAll('main table, main dl, main ol, main figure')]
              .filter((each) => !each.checkVisibility()).map((each) => each.outerHTML.slice(0, 120))"""
        )
        written = opened.page.pdf(format="A4", print_background=True)

        assert hidden == []
        assert not opened.page.locator("header nav").first.is_visible()
        assert written.startswith(b"%PDF-")


@pytest.fixture
def moving(tmp_path):
    """A fleet of its own, which a test may let move on; the server may be stopped and started again by it."""
    running, made = served(tmp_path, 12)
    stage = [running]
    yield stage, made
    stage[0].stop()


def move_on(running, made: Fleet, key: tuple[str, str], percent: int, wait: str, *, passes: int = 1) -> None:
    """Write what a later pass would: of one service another share, and another thing that it waits for."""
    later = NOW + passes * EVERY
    shown = made.standings.to_json()
    [service] = [each for each in shown["services"] if (each["region"], each["name"]) == key]
    service["rollout"] |= {"percent": percent, "wait": wait, "step": 3}
    report = made.report.to_json() | {"ended": later.isoformat(timespec="seconds")}
    told = replace(made, standings=Standings.read(shown | {"at": report["ended"]}), report=PassReport.read(report))
    write(told, running.folder)


def of(made: Fleet, state: str) -> tuple[str, str]:
    """Region and name of a service in a state."""
    return next(key for key, each in made.states.items() if each == state)


def test_an_open_page_moves_on_and_says_so_once(chromium, moving):
    """Percent, wait and one sentence for those who hear; where people are, by focus and by sight, they stay."""
    [running], made = moving
    region, name = key = of(made, "waits for data")
    with tab(chromium, f"{running.address}/?sort=name", viewport={"width": 1440, "height": 500}) as opened:
        page = opened.page
        row = page.locator(f'tr[data-key="{region}/{name}"]')
        link = row.locator("a.go")
        link.focus()
        page.evaluate("() => { window.kept = document.activeElement; }")
        top = row.bounding_box()["y"]
        assert "25 %" in row.inner_text()

        move_on(running, made, key, 50, "Approval")

        expect(row).to_contain_text("50 %", timeout=PATIENCE_MS)
        expect(page.locator("#said")).to_contain_text(f"{name}: ", timeout=PATIENCE_MS)
        expect(page.locator("#said")).to_contain_text("50 %")
        assert page.locator("[aria-live]").count() == 1
        assert page.evaluate("window.kept.isConnected && document.activeElement === window.kept")
        assert abs(row.bounding_box()["y"] - top) < 1
        assert opened.troubles == []


def test_what_is_open_and_typed_stays_over_a_refresh(chromium, moving):
    """A list that was unfolded stays so, and half a word in the search box is not taken away."""
    [running], made = moving
    key = of(made, "waits for data")
    with tab(chromium, f"{running.address}/changes") as changes, tab(chromium, running.address) as opened:
        changes.page.locator("details").first.evaluate("each => { each.open = true; }")
        opened.page.locator("#q").press_sequentially("chur")
        opened.page.wait_for_url("**/?*q=chur*")
        at = changes.page.locator("main").get_attribute("data-now")

        move_on(running, made, key, 50, "Approval")

        expect(changes.page.locator("main .asof")).to_contain_text("14:10", timeout=PATIENCE_MS)
        expect(opened.page.locator("main .asof")).to_contain_text("14:10", timeout=PATIENCE_MS)
        assert at
        assert changes.page.locator("details").first.evaluate("each => each.open")
        assert opened.page.locator("#q").input_value() == "chur"
        assert opened.page.evaluate("document.activeElement.id") == "q"


def test_a_stream_that_was_cut_misses_nothing(chromium, moving):
    """What changed while nobody could be told is there once the server is again, without anybody's doing."""
    stage, made = moving
    region, name = key = of(made, "waits for data")
    with tab(chromium, stage[0].address) as opened:
        row = opened.page.locator(f'tr[data-key="{region}/{name}"]')
        port = stage[0].port
        stage[0].stop()
        move_on(stage[0], made, key, 50, "Approval")
        assert "25 %" in row.inner_text()

        stage[0] = Running.start(stage[0].folder, port)

        expect(row).to_contain_text("50 %", timeout=PATIENCE_MS)
        assert [each for each in opened.troubles if "ERR_" not in each] == []


@pytest.mark.long
def test_fifty_tabs_are_told(chromium, moving):
    """As many as a team has open: each is told of each pass."""
    [running], made = moving
    region, name = key = of(made, "waits for data")
    with ExitStack() as stack:
        tabs = [stack.enter_context(tab(chromium, running.address)) for _ in range(50)]
        move_on(running, made, key, 50, "Approval")
        for each in tabs:
            row = each.page.locator(f'tr[data-key="{region}/{name}"]')
            expect(row).to_contain_text("50 %", timeout=3 * PATIENCE_MS)
            assert each.troubles == []


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_the_report_works_from_a_disk(chromium, tmp_path, scripts):
    """Files alone: each view of a service is two clicks away, nothing is asked for that is not there, nothing fails."""
    made = fleet(12)
    write(made, tmp_path / "documents")
    written = report.write(Folder(tmp_path / "documents"), tmp_path / "html", clock=lambda: NOW)
    region, name = of(made, "waits for data")
    own = (tmp_path / "html").as_uri()
    with tab(chromium, written.start.as_uri(), own=own, java_script_enabled=scripts) as opened:
        opened.page.locator(f'tr[data-key="{region}/{name}"] a.go').click()
        opened.page.get_by_role("link", name="Rollout").click()

        [standing] = [each for each in made.standings.services if (each.region, each.name) == (region, name)]
        assert standing.rollout.why in opened.page.locator("main").inner_text()
        assert opened.sideways() <= 0
        assert (opened.wrong, opened.foreign) == ([], [])
        if scripts:
            assert opened.axe() == []


@pytest.mark.long
@pytest.mark.parametrize("hostile", [False, True], ids=["calm", "hostile"])
def test_every_state_of_a_service_is_within_reach(chromium, tmp_path, hostile):
    """All of its views, wide and narrow; also where strangers chose the words."""
    running, made = served(tmp_path, len(STATES), hostile=hostile)
    try:
        with tab(chromium, running.address, viewport={"width": 320, "height": 900}) as opened:
            for region, name in made.states:
                for view in ("", "/rollout", "/drift", "/retraining"):
                    opened.page.goto(f"{running.address}/s/{region}/{name}{view}")
                    assert opened.sideways() <= 0, opened.page.url
                    assert opened.axe() == [], opened.page.url
            assert opened.troubles == []
    finally:
        running.stop()
