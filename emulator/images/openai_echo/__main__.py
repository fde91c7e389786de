"""Start the server: `python -m openai_echo [OPTIONS]`; `--help` names them."""

import asyncio
import sys

from .serving import serve
from .settings import read

if __name__ == "__main__":
    asyncio.run(serve(read(sys.argv[1:])))
