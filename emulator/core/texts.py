"""Characters at which a program's words, a header or an address would end: no text that becomes one may have them.

Source: execve(2), whose words end at a NUL; RFC 9110, 5.1 and 5.5, for headers; RFC 3986, 2, for addresses.
"""

import re

HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_word(text: str) -> bool:
    """Whether a program can be given it: as a word of its command, in its environment, as a path."""
    return "\0" not in text


def is_address(text: str) -> bool:
    """Whether it can stand in the first line of a request: as a path, or a whole URL."""
    return " " not in text and not CONTROL.search(text)


def is_line(text: str) -> bool:
    """Whether it is one line of text, with tabs or without."""
    return not CONTROL.search(text.replace("\t", ""))


def is_header(name: str, value: str) -> bool:
    """Whether a request can have it. A tab may be in a value."""
    return bool(HEADER.fullmatch(name)) and is_line(value)
