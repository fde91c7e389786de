"""The page as Cloud Run runs it: `python -m page`, told by its environment what to show and who may see it.

`MLSERVICE_PAGE_BUCKET` is the state bucket, `MLSERVICE_PAGE_AUDIENCE` for which service IAP signs
(`/projects/NUMBER/locations/REGION/services/NAME`), `PORT` where to listen. `MLSERVICE_EMULATOR` is set in containers
of the emulator: its address, whose time, bucket and keys are taken.
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

BUCKET, AUDIENCE = "MLSERVICE_PAGE_BUCKET", "MLSERVICE_PAGE_AUDIENCE"
_USAGE = 64
_EMULATED_KEYS = "/iap/verify/public_key-jwk"


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Serve until the process is told to end.

    Returns:
        64 where the environment does not say what is needed.
    """
    missing = [name for name in (BUCKET, AUDIENCE) if not environment.get(name)]
    if missing:
        sys.stderr.write(f"error: {', '.join(missing)} must be set; `mlservice install` installs the page\n")
        return _USAGE
    import uvicorn  # noqa: PLC0415 - late, for start-up

    from page.server import server  # noqa: PLC0415 - late, for start-up

    emulator = environment.get("MLSERVICE_EMULATOR", "")
    desk = Desk(Shelf(connected(environment[BUCKET], emulator=emulator), local=bool(emulator)), clock(emulator))
    access = Signed(environment[AUDIENCE], f"{emulator}{_EMULATED_KEYS}" if emulator else KEYS)
    host, port = environment.get("HOST") or "0.0.0.0", int(environment.get("PORT") or 8080)
    uvicorn.run(server(desk, access, live="poll"), host=host, port=port, log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
