"""Cloud Logging v2: entries, the language that they are asked for in, and sinks that hand them to Pub/Sub topics.

Source: message comments of google-cloud-logging 3.17.0 (`google.logging.v2`);
https://cloud.google.com/logging/docs/view/logging-query-language; https://cloud.google.com/logging/quotas.
Not there, and answered UNIMPLEMENTED: buckets, views, links, exclusions of projects, log-based metrics, tailing,
settings.
"""

from emulator.apis.logging import entries, sinks
from emulator.apis.logging.model import API

__all__ = ["API", "entries", "sinks"]
