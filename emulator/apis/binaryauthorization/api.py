"""Binary Authorization v1: who attests images, what a project asks for, and whether an attestation is a true one.

Source: message comments of google-cloud-binary-authorization 1.20.0. Not there: PGP keys and post-quantum ones, which
are refused; policies of platforms (`projects/P/platforms/...`), Google's own (`SystemPolicyV1`), JWTs as attestations.
"""

from emulator.apis.binaryauthorization import attestors, policies, validation
from emulator.apis.binaryauthorization.model import API

__all__ = ["API", "attestors", "policies", "validation"]
