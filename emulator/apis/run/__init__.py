"""Cloud Run v2: services, revisions, jobs, executions, tasks; and the part of v1 that gcloud reads.

`host` takes part in start and stop and imports nothing of Google's; `api` holds the behaviours and is imported at the
first call. What runs is in `emulator.processes`.
"""
