"""What Cloud Run keeps: its collections, and how each answers for a name that is not there."""

from functools import partial

from emulator.apis.run.messages import Execution, Job, Revision, Service, Task
from emulator.apis.run.names import missing, taken
from emulator.core.resources import Collection

REGION = "projects/*/locations/*"
SERVICES = Collection("run.service", Service, f"{REGION}/services/*", partial(missing, "SERVICE"), taken)
REVISIONS = Collection("run.revision", Revision, f"{SERVICES.pattern}/revisions/*", partial(missing, "REVISION"), taken)
JOBS = Collection("run.job", Job, f"{REGION}/jobs/*", partial(missing, "JOB"), taken)
EXECUTIONS = Collection("run.execution", Execution, f"{JOBS.pattern}/executions/*", partial(missing, "EXECUTION"))
TASKS = Collection("run.task", Task, f"{EXECUTIONS.pattern}/tasks/*", partial(missing, "TASK"))
