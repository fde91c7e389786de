"""Cloud Scheduler v1: jobs with HTTP and Pub/Sub targets, which fire on the emulator's clock.

Source: kinds.md section 5, constraints.md section 5, recording scheduler_job/http-create-get-delete-2018; the message
comments of google-cloud-scheduler 2.21.0. Not there: App Engine targets, which are refused as UNIMPLEMENTED.
"""

from emulator.apis.scheduler import jobs
from emulator.apis.scheduler.model import API

__all__ = ["API", "jobs"]
