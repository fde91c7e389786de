"""What we say that cannot be written: told apart from every other file that cannot be read or written."""

from __future__ import annotations

import io
from typing import Any, TextIO


class Unwritten(OSError):
    """Output that nobody could be given: the disk is full, or who read it has gone."""


class _Told(io.FileIO):
    """A stream of ours, as it is below its buffers.

    Attributes:
        wrote: Whether anything has been written yet.
    """

    wrote = False

    def write(self, content: Any) -> int:
        """Write.

        Raises:
            Unwritten: It cannot be.
        """
        try:
            self.wrote = True
            return super().write(content)
        except BlockingIOError:  # the buffer above it knows what to do
            raise
        except OSError as error:
            raise Unwritten(error.errno, error.strerror) from error


def has_written(stream: TextIO) -> bool:
    """Whether anything went out through a stream that `told` gave; what its buffers hold does not count."""
    buffer = getattr(stream, "buffer", None)
    return bool(getattr(getattr(buffer, "raw", buffer), "wrote", False))


def told(stream: TextIO) -> TextIO:
    """Give a stream that writes to the same, and raises `Unwritten` where that fails.

    Args:
        stream: stdout or stderr, as Python made it; one that is anything else is given back as it is.
    """
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with PYTHONUNBUFFERED there is no buffer between
    if not isinstance(stream, io.TextIOWrapper) or type(raw) is not io.FileIO:
        return stream
    below = _Told(raw.fileno(), "wb", closefd=False)
    return io.TextIOWrapper(
        below if raw is buffer else io.BufferedWriter(below),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
