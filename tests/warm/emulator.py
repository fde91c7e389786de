"""All that the emulator imports until it is ready."""

from emulator.wire import table

table.use_bare_packages(table.packages())  # before anything imports one of them whole

import emulator.daemon  # noqa: E402, F401 - found by the line above; here for its effect
from emulator.apis import LISTED  # noqa: E402 - the same
from emulator.core.api import Registry  # noqa: E402 - the same

Registry(LISTED).eager()
