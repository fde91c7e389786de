"""Secret Manager v1: secrets, their versions, their IAM policies.

Source: the message comments of google-cloud-secret-manager 2.32.0; error texts as each says. Not there, and answered
UNIMPLEMENTED: rotation, topics, managed rotation.
"""

from emulator.apis.secretmanager import policy, secrets, versions
from emulator.apis.secretmanager.model import API
from emulator.apis.secretmanager.versions import payload

__all__ = ["API", "payload", "policy", "secrets", "versions"]
