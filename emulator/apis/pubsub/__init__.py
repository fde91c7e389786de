"""Pub/Sub v1, the control plane: topics, subscriptions, snapshots and their IAM policies.

Source: kinds.md section 4, constraints.md section 4, recordings pubsub_*; the message comments of google-cloud-pubsub
2.44.0. Not there yet, and answered UNIMPLEMENTED: messages (publish, pull, acknowledge, seek) and schemas.
"""

from emulator.apis.pubsub import snapshots, subscriptions, topics
from emulator.apis.pubsub.model import API

__all__ = ["API", "snapshots", "subscriptions", "topics"]
