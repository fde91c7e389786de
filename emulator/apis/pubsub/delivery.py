"""Where a subscription delivers: pulled, pushed, written to BigQuery, Cloud Storage or Bigtable.

Source: kinds.md 4.2; constraints.md section 4; recordings pubsub_subscription/push-oidc and cloud-storage.
"""

import re
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.pubsub.model import check_span, invalid
from emulator.core.failures import ApiFailure
from emulator.core.texts import is_address
from emulator.core.world import World
from emulator.identity import accounts

ELSEWHERE = ("bigquery_config", "cloud_storage_config", "bigtable_config")
TABLE = re.compile(r".+\.[^.]+\.[^.]+")
FILE_S, FILE_BYTES, FILE_MESSAGES = (60, 600), (1000, 10 << 30), 1000
FILE_DEFAULT_S = 300
OWN = "http://127.0.0.1:"
"""Addresses of what the emulator runs, which has no certificate for https."""


def fill_delivery(subscription: Any) -> None:
    """What the server writes into the configuration that is chosen."""
    subscription.push_config.SetInParent()
    if subscription.HasField("cloud_storage_config"):
        fill_files(subscription, subscription.cloud_storage_config)
    if subscription.HasField("bigquery_config"):
        subscription.bigquery_config.state = pubsub.BigQueryConfig.State.ACTIVE


def fill_files(subscription: Any, files: Any) -> None:
    """Files are text, each of five minutes; the deadline is raised to that without a word (recording cloud-storage)."""
    files.state = pubsub.CloudStorageConfig.State.ACTIVE
    if files.WhichOneof("output_format") is None:
        files.text_config.SetInParent()
    if not files.HasField("max_duration"):
        files.max_duration.seconds = FILE_DEFAULT_S
    subscription.ack_deadline_seconds = max(subscription.ack_deadline_seconds, files.max_duration.seconds)


def check_delivery(world: World, subscription: Any) -> None:
    """One way of delivery, and its own rules."""
    pushed = bool(subscription.push_config.push_endpoint)
    chosen = [field for field in ELSEWHERE if subscription.HasField(field)]
    if pushed + len(chosen) > 1:
        raise invalid(
            "at most one of push_config, bigquery_config, cloud_storage_config and bigtable_config may be set"
        )
    if subscription.enable_exactly_once_delivery and (pushed or chosen):
        raise invalid("enable_exactly_once_delivery: only for pull subscriptions")
    if pushed:
        check_push(world, subscription.push_config)
    if "bigquery_config" in chosen:
        check_table(subscription.bigquery_config)
    if "cloud_storage_config" in chosen:
        check_files(subscription.cloud_storage_config)


def check_push(world: World, push: Any) -> None:
    """An https address; the account whose token is sent must be there.

    Source: for the account, an answer quoted in several repositories that use terraform-google-pubsub; for the address
        the words are in the service's style, not seen there.
    """
    if not push.push_endpoint.startswith(("https://", OWN)) or not is_address(push.push_endpoint):
        text = f"Invalid push endpoint given (endpoint={push.push_endpoint})."
        raise ApiFailure("INVALID_ARGUMENT", f"{text} It must be an https URL.")
    email = push.oidc_token.service_account_email
    project = accounts.project_of(email)
    if push.HasField("oidc_token") and not email:
        raise invalid("PushConfig::oidc_token::service_account_email")
    if project is not None:
        accounts.ensure_defaults(world, project)
        if not accounts.visible(world, email):
            raise invalid("PushConfig::oidc_token::service_account_email")


def check_table(config: Any) -> None:
    """`project.dataset.table`; columns from one schema, or none."""
    if not TABLE.fullmatch(config.table):
        raise invalid("BigQueryConfig::table: must be {project}.{dataset}.{table}")
    if config.use_topic_schema and config.use_table_schema:
        raise invalid("BigQueryConfig: use_topic_schema and use_table_schema cannot both be set")
    if config.drop_unknown_fields and not (config.use_topic_schema or config.use_table_schema):
        raise invalid("BigQueryConfig::drop_unknown_fields: needs use_topic_schema or use_table_schema")


def check_files(config: Any) -> None:
    """Names and sizes of the files."""
    if not config.bucket or config.bucket.startswith("gs://"):
        raise invalid("CloudStorageConfig::bucket")
    if config.filename_prefix.startswith(("/", "goog")) or config.filename_suffix.endswith("/"):
        raise invalid("CloudStorageConfig: filename_prefix or filename_suffix")
    check_span("max_duration", config.max_duration.seconds, *FILE_S)
    least, most = FILE_BYTES
    if config.max_bytes and not least <= config.max_bytes <= most:
        raise invalid(f"CloudStorageConfig::max_bytes: must be between {least} and {most}")
    if config.max_messages and config.max_messages < FILE_MESSAGES:
        raise invalid(f"CloudStorageConfig::max_messages: must be at least {FILE_MESSAGES}")
