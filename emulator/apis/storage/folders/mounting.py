"""Buckets that Cloud Run mounts, as it asks for them: by plain values, since it knows nothing of Cloud Storage."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from emulator.apis.storage.folders.bucket import Bucket, RefusedError
from emulator.apis.storage.folders.mirrors import Mirrors, Wanted
from emulator.core.world import World


def hold(
    world: World, account: str, place: tuple[Path, str], part: tuple[str, str, bool], note: Callable[[str], None]
) -> tuple[Path, bool, str]:
    """Have a bucket as a folder, kept in step until its instance is over.

    Args:
        world: Where.
        account: E-mail of the account that reads and writes it.
        place: The scratch folder of the instance, and the name of the volume.
        part: The bucket, the prefix of the objects that are shown, and whether they are only to be read.
        note: Told later what could not be done, in words.

    Returns:
        The folder; whether what is written there is written to the bucket; why it cannot be had, or nothing.
    """
    scratch, volume = place
    name, below, read_only = part
    bucket = Bucket(world, account, name, below)
    try:
        bucket.look()
        writable = not read_only and bucket.may_write()
    except RefusedError as error:
        return scratch, False, str(error)
    return mirrors(world).hold(Wanted(scratch, volume, bucket, writable, note)), writable, ""


def over(world: World, scratch: Path) -> None:
    """An instance is over; waits for nothing."""
    found = world.find(Mirrors)
    if found is not None:
        found.end(scratch)


def stop(world: World, *, keep: bool) -> None:
    """Nothing runs any more: nothing is mounted. `keep` what was written last."""
    found = world.take(Mirrors)
    if found is not None:
        found.stop(keep=keep)


def mirrors(world: World) -> Mirrors:
    """Give this cloud's mirrors."""
    return world.part(Mirrors, partial(Mirrors, world))
