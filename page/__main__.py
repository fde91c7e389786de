"""The page as Cloud Run runs it: `python -m page`, told by its environment what to show and who may see it.

`PAGE_BUCKET` is the state bucket, `PAGE_AUDIENCE` for which service IAP signs
(`/projects/NUMBER/locations/REGION/services/NAME`), `GOOGLE_CLOUD_PROJECT` the project, `PORT` where to listen. On the
emulator `MLSERVICE_EMULATOR` is its address, and `PAGE_IAP_KEYS` that of the keys which its IAP signs with.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from page.access import KEYS, Signed
from page.clock import clock
from page.desk import Desk
from page.shelf import Shelf
from page.sources.bucket import connected

_USAGE = 64


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Serve until the process is told to end.

    Returns:
        64 where the environment does not say what is needed.
    """
    missing = [name for name in ("PAGE_BUCKET", "PAGE_AUDIENCE", "GOOGLE_CLOUD_PROJECT") if not environment.get(name)]
    if missing:
        sys.stderr.write(f"error: {', '.join(missing)} must be set; `mlservice install` installs the page\n")
        return _USAGE
    import uvicorn  # noqa: PLC0415 - late, for start-up

    from page.server import server  # noqa: PLC0415 - late, for start-up

    emulator = environment.get("MLSERVICE_EMULATOR", "")
    source = connected(environment["PAGE_BUCKET"], project=environment["GOOGLE_CLOUD_PROJECT"], emulator=emulator)
    desk = Desk(Shelf(source), clock(emulator))
    access = Signed(environment["PAGE_AUDIENCE"], environment.get("PAGE_IAP_KEYS") or KEYS)
    host, port = environment.get("HOST") or "0.0.0.0", int(environment.get("PORT") or 8080)
    uvicorn.run(server(desk, access, live="poll"), host=host, port=port, log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
