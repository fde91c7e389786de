"""`python -m tests.recordings [-v] [pattern]`: replay every case on an emulator of its own and print the table."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

from tests.conftest import Emulator
from tests.recordings import cases
from tests.recordings.replay import Finding, read_known, replay


def main(arguments: list[str]) -> int:
    """Print the table; 1 where something differs that nobody knew of."""
    verbose = "-v" in arguments
    pattern = next((word for word in arguments if not word.startswith("-")), "*")
    found = [case for case in cases.load() if fnmatchcase(case.name, pattern)]
    if not found:
        print(f"no recordings in {cases.FOLDER}")
        return 0
    known, findings = read_known(), []
    with tempfile.TemporaryDirectory() as folder:
        emulator = Emulator.start(Path(folder))
        try:
            for case in found:
                emulator.reset()
                findings += replay(emulator.http, case, known)
        finally:
            emulator.stop()
    print(details(findings, verbose=verbose) + table(findings))
    stale = [entry for entry in known if not entry.used] if pattern == "*" else []
    for entry in stale:
        print(f"no longer needed in differences.toml: {entry}")
    return int(any(finding.unknown for finding in findings) or bool(stale))


def details(findings: list[Finding], *, verbose: bool) -> str:
    """The exchanges that differ; the known ones too where asked."""
    lines = []
    for finding in findings:
        if finding.unknown or (verbose and finding.known):
            exchange = finding.exchange
            lines.append(f"{finding.case} #{finding.number} [{exchange.trust}] {exchange.verb} {exchange.url}")
            lines += [f"    {line}" for line in finding.unknown]
            lines += [f"    {line}" for line in finding.known if verbose]
    return "".join(f"{line}\n" for line in lines)


def table(findings: list[Finding]) -> str:
    """Per class: how many exchanges there are and what became of them."""
    counts = Counter((finding.exchange.trust, finding.verdict) for finding in findings)
    lines = [f"{'class':12}{'exchanges':>10}{'agree':>8}{'known':>8}{'differ':>8}"]
    for trust in cases.CLASSES:
        agrees, known, differs = (counts[trust, verdict] for verdict in ("agrees", "known", "differs"))
        lines.append(f"{trust:12}{agrees + known + differs:>10}{agrees:>8}{known:>8}{differs:>8}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
