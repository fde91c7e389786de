"""The stages of a job, of whichever sort: shown in another state, over, deleted."""

from collections.abc import Collection as Several
from dataclasses import dataclass
from typing import Any

from emulator.apis.aiplatform import names, running
from emulator.apis.aiplatform.stored import deleted
from emulator.core.failures import CODES, ApiFailure
from emulator.core.resources import Collection, timestamp
from emulator.core.world import World


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of one sort of job.

    Args:
        jobs: Where they are kept.
        over: States in which a job is over.
    """

    jobs: Collection
    over: Several[int]

    def move(self, world: World, job: Any, state: int) -> None:
        """Show a job in another state."""
        job.state = state
        job.update_time.CopyFrom(timestamp(world.clock.now()))
        self.jobs.save(world, job)

    def end(self, world: World, job: Any, state: int, code: str = "OK", message: str = "") -> None:
        """Show a job as over."""
        job.end_time.CopyFrom(timestamp(world.clock.now()))
        if message:
            job.error.code, job.error.message = CODES[code][0], message
        self.move(world, job, state)
        running.forget(world, job.name)

    def delete(self, world: World, name: str) -> Any:
        """Delete a job at once. One that is not over is refused: not seen at Google, where recordings cancel first.

        Raises:
            ApiFailure: FAILED_PRECONDITION, NOT_FOUND.
        """
        with world.store.transaction():
            job = self.jobs.get(world, self.jobs.key(world, name))
            if job.state not in self.over:
                sort = job.DESCRIPTOR
                state = sort.fields_by_name["state"].enum_type.values_by_number[job.state].name
                text = f"The {sort.name} is in state {state}: cancel it before it is deleted."
                raise ApiFailure("FAILED_PRECONDITION", text)
            self.jobs.remove(world, job.name)
        return deleted(world, names.location(job.name))
