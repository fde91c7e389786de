"""How many files and sockets this process may have open: a thousand streams take two thousand."""

import contextlib
import resource

WANTED = 65_536


def allow_many() -> None:
    """Raise the soft limit, as far as the system lets us; containers inherit it, as they have many in Cloud Run."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft < wanted and soft != resource.RLIM_INFINITY:
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit of its own beside the one that it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
