"""What was probably meant."""

import difflib
from collections.abc import Sequence


def closest(word: str, choices: Sequence[str]) -> str | None:
    """The choice that was probably meant: the same but for case, dashes and underscores, or spelled nearly so."""
    plain = {_plain(choice): choice for choice in choices}
    if found := plain.get(_plain(word)):
        return found
    close = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def _plain(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
