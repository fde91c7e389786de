"""Cloud Monitoring v3: notification channels and their descriptors.

Source: kinds.md 9.2, constraints.md section 8, recording monitoring_notification_channel/gcloud-email-crud; the message
comments of google-cloud-monitoring 2.32.0. Not there, and answered UNIMPLEMENTED: verification codes, and every other
service of the package.
"""

from emulator.apis.monitoring import channels
from emulator.apis.monitoring.descriptors import API

__all__ = ["API", "channels"]
