"""Cloud Monitoring v3: time series and metric descriptors, alert policies, channels, objectives, uptime checks.

Source: kinds.md 9.1 and 9.2, constraints.md section 8, recordings monitoring_alert_policy and
monitoring_notification_channel; the message comments of google-cloud-monitoring 2.32.0. Not there, and answered
UNIMPLEMENTED: verification codes, groups, MQL; of service level objectives `basic_sli`, `windows_based`.
"""

from emulator.apis.monitoring import channels, recording
from emulator.apis.monitoring.alerts import policies
from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.promises import objectives, services
from emulator.apis.monitoring.series import metrics, reading
from emulator.apis.monitoring.uptime import configs

__all__ = [
    "API",
    "channels",
    "configs",
    "metrics",
    "objectives",
    "policies",
    "reading",
    "recording",
    "services",
]
