"""The locations mixin that every API offers."""

from emulator.apis.locations.regions import API

__all__ = ["API"]
