"""BigQuery's place in the emulator's life: the database is closed at the end, and emptied with everything else."""

from emulator.apis.bigquery.engine import Engine
from emulator.apis.bigquery.work import Task
from emulator.core.world import World


def running_tasks(world: World) -> list[Task]:
    """The jobs that run."""
    from emulator.apis.bigquery.jobs import Running  # noqa: PLC0415 - nobody may have used BigQuery

    found = world.find(Running)
    return [] if found is None else list(found.tasks.values())


def stopped(world: World) -> None:
    """Write back and let go. Jobs that still run are interrupted, and found to be so at the next start."""
    for task in running_tasks(world):
        task.cancel()
    found = world.take(Engine)
    if found is not None:
        found.close()


def cleared(world: World) -> None:
    """Forget the rows, as the store has forgotten the tables."""
    for task in running_tasks(world):
        task.cancel()
        task.done.wait(1)
    found = world.find(Engine)
    if found is not None:
        found.clear()
