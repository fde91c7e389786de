"""The operations mixin that every API offers."""

from emulator.apis.longrunning.operations import API

__all__ = ["API"]
