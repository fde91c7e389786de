"""IAM v1: service accounts, their policies and their keys."""

from emulator.apis.iam import keys, roles
from emulator.apis.iam.accounts import API

__all__ = ["API", "keys", "roles"]
