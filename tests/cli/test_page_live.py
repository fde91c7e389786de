"""`mlservice page --local` while a job goes on: time passes on the emulator, and an open page shows what came of it."""

import subprocess

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.operating import REGION, spec
from tests.page.browser import no_chromium, started, tab

JOB = {
    "apiVersion": "mlservice/v1",
    "kind": "Operator",
    "metadata": {"name": "mlservice"},
    "spec": {"region": REGION, "schedule": "0 * * * *"},
}
HEARS = """() => {
  window.heard = [];
  const line = document.getElementById('said');
  new MutationObserver(() => heard.push(line.textContent)).observe(line, {childList: true});
}"""
"""Keeps what is announced: it stands there for as long as it takes to read."""
LONG_MS = 300_000
"""How long is waited for what a pass brings, which runs as a program of its own: nothing is claimed of it."""
STEPS = {"strategy": "Canary", "steps": [{"traffic": 20, "hold": "1h"}, {"traffic": 60, "hold": "4h"}]}


def ran(shell, *words):
    """Run a command that works."""
    done = shell(*words, "--local")
    assert done.code == 0, done.err
    return done


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.long
def test_an_open_page_follows_the_emulators_time(shell, operator):
    """Two hours later: another share of requests, another thing waited for, and one sentence that says so."""
    no_chromium()
    shell.write(spec(rollout=STEPS, env={"V": "1"}), JOB)
    ran(shell, "install", "mlservice.yaml", "--yes")
    ran(shell, "publish", "mlservice.yaml")
    operator.emulator.advance(3600)
    shell.write(spec(rollout=STEPS, env={"V": "2"}), JOB)
    ran(shell, "publish", "mlservice.yaml")
    operator.emulator.advance(3600)
    with shell.start("page", "--local", "--port", "0", stdin=subprocess.PIPE) as process:
        try:
            with sync_playwright() as playwright:
                seen(started(playwright), process.stdout.readline().strip(), operator)
        finally:
            process.kill()


def seen(chromium, address, operator):
    """Look while two hours pass there."""
    with tab(chromium, address) as opened:
        row = opened.page.locator(f'tr[data-key="{REGION}/churn"]')
        expect(row).to_contain_text("before any traffic", timeout=LONG_MS)
        opened.page.evaluate(HEARS)

        operator.emulator.advance(7200)

        expect(row).to_contain_text("20 %, step 1 of 3", timeout=LONG_MS)
        sentence = "heard.some((each) => each.startsWith('churn: rolling out, 20 % of requests'))"
        opened.until(sentence, patience_ms=LONG_MS)
        expect(row).to_contain_text("holds, until about", timeout=LONG_MS)
        assert opened.troubles == []
