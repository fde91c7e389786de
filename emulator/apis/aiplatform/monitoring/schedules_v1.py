"""Schedules as version v1 of the API tells them: the same objects, without requests of model monitoring."""

from collections.abc import Callable
from typing import Any

from emulator.apis.aiplatform.monitoring.schedules import SERVICE
from emulator.apis.aiplatform.monitoring.stored import API
from emulator.core.api import Call
from emulator.core.world import World
from emulator.wire.table import message_class

V1 = "google.cloud.aiplatform.v1.ScheduleService/"
TYPES = "google.cloud.aiplatform_{version}.types."
ANSWERS = {
    "CreateSchedule": "schedule:Schedule",
    "GetSchedule": "schedule:Schedule",
    "ListSchedules": "schedule_service:ListSchedulesResponse",
    "UpdateSchedule": "schedule:Schedule",
}
"""Those whose answer has schedules in it; that of the others is the same in both versions."""


def translated(verb: str) -> Callable[..., Any]:
    """A method of v1: it asks v1beta1, whose messages have the same fields and more."""

    def answer(world: World, request: Any, call: Call) -> Any:
        sent = message(request, f"{TYPES.format(version='v1beta1')}schedule_service:{verb}Request")
        found = API.behaviours[SERVICE + verb](world, sent, call)
        return message(found, TYPES.format(version="v1") + ANSWERS[verb]) if verb in ANSWERS else found

    return answer


def message(source: Any, path: str) -> Any:
    """The same message of another version: the fields that both have are numbered alike."""
    found = message_class(path).FromString(source.SerializeToString())
    found.DiscardUnknownFields()
    return found


for each in (*ANSWERS, "DeleteSchedule", "PauseSchedule", "ResumeSchedule"):
    API.behaviours[V1 + each] = translated(each)
