"""The service accounts that exist, for every API that names one: by e-mail, with the ones that Google makes.

Source: kinds.md 1.3, 12.1; recordings iam_service_account/*.
"""

import re
import uuid
from datetime import timedelta
from typing import Any

from google.cloud.iam_admin_v1.types import iam

from emulator.core import settings
from emulator.core.world import EMULATOR_ACCOUNT, PROJECT, World

ServiceAccount = iam.ServiceAccount.pb()

KIND = "iam.service_account"
KEYS = "iam.service_account_key"
DOMAIN = re.compile(r"([a-z0-9-]+)\.iam\.gserviceaccount\.com")
CREATED = "iam.service_account.created"
SEEDED = "iam.seeded_project"


def find(world: World, email: str) -> Any:
    """The account with this e-mail, or None."""
    body = world.store.get(KIND, email)
    return None if body is None else ServiceAccount.FromString(body)


def save(world: World, account: Any) -> None:
    """Store an account under its e-mail, whether it was there or not."""
    world.store.put(KIND, account.email, account.SerializeToString())


def listed(world: World, project: str) -> list[Any]:
    """Every account of a project, by e-mail."""
    ensure_defaults(world, project)
    found = [ServiceAccount.FromString(body) for _, body in world.store.list(KIND)]
    return [account for account in found if account.project_id == project]


def visible(world: World, email: str) -> bool:
    """Whether an account exists and everybody has heard of it."""
    if world.store.get(KIND, email) is None:
        return False
    delay = timedelta(seconds=settings.read(world.store).service_account_delay_s)
    created = world.store.get(CREATED, email)
    return not delay or created is None or created.decode() <= (world.clock.now() - delay).isoformat()


def usable(world: World, email: str, project: str) -> bool:
    """Whether an account exists and is not disabled. The default accounts of its own project, or of `project`, do."""
    ensure_defaults(world, project_of(email) or project)
    found = find(world, email) if visible(world, email) else None
    return found is not None and not found.disabled


def make(world: World, project: str, email: str, *, display_name: str = "", description: str = "") -> Any:
    """Build and store an account with the fields that the server fills."""
    number = "1" + str(uuid.uuid4().int)[:20]
    account = ServiceAccount(
        name=f"projects/{project}/serviceAccounts/{email}",
        project_id=project,
        unique_id=number,
        oauth2_client_id=number,
        email=email,
        display_name=display_name,
        description=description,
        etag=uuid.uuid4().bytes[:8],
    )
    world.store.put(CREATED, email, world.clock.now().isoformat().encode())
    save(world, account)
    return account


def project_of(email: str) -> str | None:
    """The project whose domain an e-mail is in, or None."""
    found = DOMAIN.fullmatch(email.partition("@")[2])
    return None if found is None else found[1]


def remove(world: World, account: Any) -> None:
    """Take an account away, with its keys: a new one of the same e-mail must not be reached by them."""
    world.store.delete(KIND, account.email)
    for name, _ in world.store.list(KEYS, f"{account.name}/keys/"):
        world.store.delete(KEYS, name)


def ensure_defaults(world: World, project: str) -> None:
    """Make the accounts that a project has from the start; one that was deleted stays deleted."""
    if world.store.get(SEEDED, project) is not None:
        return
    with world.store.transaction():
        if world.store.get(SEEDED, project) is None:
            default = world.default_service_account(project)
            make(world, project, default, display_name="Compute Engine default service account")
            if project == PROJECT:
                make(world, project, EMULATOR_ACCOUNT, display_name="Key of the local emulator")
            for email in (default, EMULATOR_ACCOUNT):
                world.store.delete(CREATED, email)  # they are not new
            world.store.put(SEEDED, project, b"")
