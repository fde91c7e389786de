"""What Cloud Run keeps: its collections, and how each answers for a name that is not there."""

from functools import partial

from emulator.apis.run.messages import Execution, Job, Revision, Service, Task
from emulator.apis.run.names import missing, taken
from emulator.core.resources import Collection

SERVICES = Collection("run.service", Service, partial(missing, "SERVICE"), taken)
REVISIONS = Collection("run.revision", Revision, partial(missing, "REVISION"), taken)
JOBS = Collection("run.job", Job, partial(missing, "JOB"), taken)
EXECUTIONS = Collection("run.execution", Execution, partial(missing, "EXECUTION"))
TASKS = Collection("run.task", Task, partial(missing, "TASK"))
