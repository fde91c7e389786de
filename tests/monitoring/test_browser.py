"""The page of `mlservice monitor --html` in a real browser, where there is one: it shows what it says, asks nobody."""

import contextlib
import shutil
import socket
import subprocess
import threading
from html.parser import HTMLParser

import pytest

from reconciler.render.monitoring_page import render_page
from tests.monitoring.test_page import HOSTILE, NOW, measured
from tests.spec.test_redaction import monitored_with

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
SILENT_S = 60
"""A browser opens connections that it may need, and says nothing on them: nobody waits for those."""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="no Chromium here")]


class Seen(HTMLParser):
    """Elements and words of a document."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.words = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        del attrs
        self.elements.add(tag)

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def listener():
    """Everybody that the browser could ask: a port that all names lead to, and who came."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hear(connection):
            with connection, contextlib.suppress(OSError):
                connection.settimeout(SILENT_S)
                came.append(connection.recv(4096).partition(b"\r\n")[0])

        def take():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed: the test is over
                    return
                threading.Thread(target=hear, args=(connection,), daemon=True).start()

        threading.Thread(target=take, daemon=True).start()
        yield server.getsockname()[1], came


def opened(folder, page, port):
    """The document as it is once a browser has loaded the page and run what it would run."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    command += [f"--host-resolver-rules=MAP * 127.0.0.1:{port}", "--virtual-time-budget=2000", "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, timeout=100, check=True)
    return Seen(done.stdout.decode())


def test_a_browser_shows_every_column_and_its_numbers(tmp_path, listener):
    """What is drawn and said is in the document that a reader has before them."""
    port, _ = listener
    seen = opened(tmp_path, render_page(measured(), now=NOW), port)

    assert {"spend", "plan", "churn: breach of skew"} <= set(seen.words)
    assert "0 to 5: 100.0% of the baseline, 0.0% now" in seen.words


def test_a_browser_obeys_nothing_that_a_stranger_wrote(tmp_path, listener):
    """Names with scripts and pictures in them are words; no address in them is asked for, as one in a page would be."""
    port, came = listener
    opened(tmp_path, '<img src="http://x.example/">', port)
    assert any(line.startswith(b"GET / ") for line in came)
    came.clear()

    seen = opened(tmp_path, render_page(monitored_with(HOSTILE), now=NOW), port)

    assert seen.elements.isdisjoint({"script", "img", "iframe", "link"})
    assert any("<script>alert(1)</script>" in words for words in seen.words)
    assert [line for line in came if b"x.example" in line or line.startswith(b"GET / ")] == []
