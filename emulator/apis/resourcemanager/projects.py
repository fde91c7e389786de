"""Resource Manager v3: projects, which are there as soon as somebody names them, and their IAM policies.

Source: kinds.md 1.4 (403, never 404) and 12.2; recordings iam_policy/project-*.
"""

import re
from typing import Any

from google.cloud.resourcemanager_v3.types import projects

from emulator.core.api import Api, Call, Policies
from emulator.core.failures import ApiFailure
from emulator.core.paging import Order, page_of
from emulator.core.resources import etag_of, timestamp
from emulator.core.world import World
from emulator.wire.dispatch import has

API = Api("resourcemanager")
SERVICE = "google.cloud.resourcemanager.v3.Projects/"
Project = projects.Project.pb()
KIND = "resourcemanager.project"
ID = re.compile(r"[a-z]([-a-z0-9.:]*[a-z0-9])?")
"""What may be the id of a project; older ones begin with a domain. Shorter ones than Google's are taken."""
BY_ID = Order(lambda project: (project.project_id,))


def denied() -> ApiFailure:
    """What a caller learns of a project that is not there."""
    return ApiFailure("PERMISSION_DENIED", "The caller does not have permission")


def require(world: World, name: str) -> Any:
    """The project behind `projects/{id or number}`; an id makes it exist.

    Raises:
        ApiFailure: PERMISSION_DENIED for a number nobody has mentioned.
    """
    given = name.removeprefix("projects/")
    project_id = world.project_id(given)
    if project_id is None or not ID.fullmatch(project_id):
        raise denied()
    with world.store.transaction():
        body = world.store.get(KIND, project_id)
        if body is not None:
            return Project.FromString(body)
        project = new_project(world, project_id)
        world.store.put(KIND, project_id, project.SerializeToString())
    return project


def new_project(world: World, project_id: str) -> Any:
    """A project as somebody else would have made it."""
    project = Project(
        name=f"projects/{world.project_number(project_id)}",
        project_id=project_id,
        display_name=project_id,
        state=Project.ACTIVE,
        create_time=timestamp(world.clock.now()),
    )
    project.update_time.CopyFrom(project.create_time)
    project.etag = etag_of(project)
    return project


@API.method(SERVICE + "GetProject")
def get_project(world: World, request: Any, _: Call) -> Any:
    """One project, named by its number whichever way it was asked for."""
    return require(world, request.name)


@API.method(SERVICE + "SearchProjects")
def search_projects(world: World, request: Any, call: Call) -> Any:
    """Every mentioned project that the caller may get. The queries `id:ID` and `projectId:ID` are understood."""
    wanted = request.query.removeprefix("projectId:").removeprefix("id:")
    if any(sign in wanted for sign in ": ="):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the query {request.query!r}.")
    found = [Project.FromString(body) for _, body in world.store.list(KIND)]
    fit = [project for project in found if wanted in ("", project.project_id)]
    fit = [
        each for each in fit if has(world, call.caller, "resourcemanager.projects.get", f"projects/{each.project_id}")
    ]
    shown, token = page_of(request, fit, BY_ID)
    return projects.SearchProjectsResponse.pb()(projects=shown, next_page_token=token)


def policy_key(world: World, resource: str) -> str:
    """A project's policy is kept by its id."""
    return f"projects/{require(world, resource).project_id}"


API.policies.append(Policies("projects/*", policy_key, public=False))
"""Nobody can give a role on a project to everybody (constraints.md 11)."""
