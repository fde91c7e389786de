"""Workload identity federation: pools and providers of IAM v1, and the exchange of others' tokens for Google's.

Light to import: it is there from the emulator's start. Google publishes no package with these messages, so they are
kept as the JSON that they are. Pools take no policies of their own here.
"""

from emulator.apis.workload_identity import resources, sts
from emulator.core.api import Api

API = Api("workload-identity", routes=[resources.routes, sts.routes])
