"""All of Pub/Sub's behaviours, registered."""

from emulator.apis.pubsub import publishing, pulling, schemas, seeking, snapshots, streams, subscriptions, topics
from emulator.apis.pubsub.model import API

__all__ = ["API", "publishing", "pulling", "schemas", "seeking", "snapshots", "streams", "subscriptions", "topics"]
