"""Put small mistakes into our code and see which the tests notice: `python -m tests.mutants [MODULE ...]`.

Without modules, those that `listed.toml` names, in three minutes, and a sample of each module that `groups` names. With
modules, all mistakes in those. Each is shown to the tests that its group names, as far as they reach the function, the
quickest first. mutmut makes them, in functions without decorators; what runs while a module is imported, or while tests
are collected, is not tried, and survives. The listed ones are made without it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path

from tests.mutants.groups import Group, chosen
from tests.mutants.listed import listed
from tests.mutants.listed import tried as tried_of_list
from tests.mutants.mistakes import Mistake, accepted, key
from tests.mutants.running import tree, tried, written

ROOT = Path(__file__).resolve().parents[2]
ALIVE = {"survived", "no tests"}


def main() -> int:
    """Print a line per module and each survivor; 1 where `--check` was asked and one of them is not accepted."""
    options = _options()
    known, new = accepted(), 0 if options.modules else _listed()
    for group in () if options.listed else chosen(ROOT, options.modules):
        sample = options.sample or (0 if options.modules else group.sample)
        new += _group(group, sample, options.seed, known)
    print(f"\n{new} survivors that nobody accepted")
    return 1 if new and options.check else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="paths from the root; none for a sample of every module")
    parser.add_argument("--sample", type=int, help="mistakes per module; all of those named, if not given")
    parser.add_argument("--listed", action="store_true", help="only those of listed.toml")
    parser.add_argument("--seed", type=int, default=0, help="another sample")
    parser.add_argument("--check", action="store_true", help="fail on survivors that accepted.toml does not list")
    return parser.parse_args()


def _listed() -> int:
    every = listed()
    with tree(ROOT) as copied:
        words = dict(tried_of_list(copied, every))
    counts = Counter(words.values())
    print(f"listed: {len(every)} mistakes: {', '.join(f'{count} {word}' for word, count in sorted(counts.items()))}")
    alive = [each for each, word in words.items() if word in ALIVE]
    for each in alive:
        print(f"  {each}", flush=True)
    return len(alive)


def _group(group: Group, sample: int, seed: int, known: dict[tuple[str, str, str, str], str]) -> int:
    print(f"\n{len(group.modules)} modules against {' '.join((*group.tests, *group.further))}", flush=True)
    with tree(ROOT) as copied:
        made = written(copied, group)
        taken = {module: _sample(found, sample, seed) for module, found in made.items()}
        words = tried(copied, group, (each.name for found in taken.values() for each in found))
    return sum(_show(module, taken[module], len(made[module]), words, known) for module in group.modules)


def _sample(found: list[Mistake], size: int, seed: int) -> list[Mistake]:
    if not size:
        return found
    mixed = random.Random(seed).sample(found, len(found))  # noqa: S311 - no secret
    # One per line before a second one of any: a line that no test reaches has a dozen, and they all say the same.
    seen: Counter[int] = Counter()
    turns = []
    for each in mixed:
        seen[each.line] += 1
        turns.append((seen[each.line], each))
    first = sorted(turns, key=lambda turn: turn[0])[:size]
    return sorted((each for _, each in first), key=lambda each: each.line)


def _show(
    module: str, taken: list[Mistake], total: int, words: dict[str, str], known: dict[tuple[str, str, str, str], str]
) -> int:
    counts = Counter("accepted" if _forgiven(each, words, known) else words[each.name] for each in taken)
    told = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    print(f"{module}: {len(taken)} of {total} mistakes: {told}", flush=True)
    new = [each for each in taken if words[each.name] in ALIVE and key(each) not in known]
    for each in new:
        print(f"  {each}{'' if words[each.name] == 'survived' else '    (no test gets here)'}")
    return len(new)


def _forgiven(mistake: Mistake, words: dict[str, str], known: dict[tuple[str, str, str, str], str]) -> bool:
    return words[mistake.name] in ALIVE and key(mistake) in known


if __name__ == "__main__":
    sys.exit(main())
