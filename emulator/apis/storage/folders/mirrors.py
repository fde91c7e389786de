"""All buckets that are mounted now, and the thread that keeps them in step."""

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emulator.apis.storage.folders.bucket import Bucket
from emulator.apis.storage.folders.mirror import Mirror
from emulator.core.world import World

log = logging.getLogger(__name__)
EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mount of a bucket.

    Attributes:
        scratch: The folder of the instance that has it; its name is like no other's.
        volume: Its name.
        bucket: Which part of which bucket, and by which account.
        writable: What is written there is written to the bucket.
        note: Told what could not be done, in words.
    """

    scratch: Path
    volume: str
    bucket: Bucket
    writable: bool
    note: Callable[[str], None]


class Mirrors:
    """The mirrors of a cloud, by the scratch folder of the instance that has them. Thread-safe."""

    def __init__(self, world: World) -> None:
        self._folder = world.state_dir / "mounts"
        shutil.rmtree(self._folder, ignore_errors=True)  # of an emulator that was killed
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, Mirror]] = {}
        self._over: set[str] = set()
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def hold(self, wanted: Wanted) -> Path:
        """Have a bucket as a folder, in step from now on. Another container of the instance may have it already."""
        folder = self._folder / wanted.scratch.name / wanted.volume / "files"
        with self._lock:
            held = self._held.setdefault(wanted.scratch.name, {})
            if wanted.volume not in held:
                mirror = Mirror(wanted.bucket, folder, wanted.note, writable=wanted.writable)
                mirror.compare()
                held[wanted.volume] = mirror
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="mounted-buckets", daemon=True)
                self._thread.start()
        return folder

    def end(self, scratch: Path) -> None:
        """The instance is over: what it wrote last is taken up, then its mirrors go. Waits for nothing."""
        self._over.add(scratch.name)
        self._wake.set()

    def stop(self, *, keep: bool) -> None:
        """End all mirrors; `keep` what was written last."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        if keep:
            self._over |= set(self._held)
            self._look()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self) -> None:
        while not self._stopped:
            self._wake.wait(EVERY_S)
            self._wake.clear()
            if not self._stopped:
                self._look()

    def _look(self) -> None:
        with self._lock:
            held = {key: list(mirrors.values()) for key, mirrors in self._held.items()}
        for key, mirrors in held.items():
            last = key in self._over
            for mirror in mirrors:
                try:
                    mirror.compare(last=last)
                except Exception:
                    log.exception("a mounted bucket cannot be compared")
            if last:
                self._drop(key)

    def _drop(self, key: str) -> None:
        with self._lock:
            self._held.pop(key, None)
            self._over.discard(key)
        shutil.rmtree(self._folder / key, ignore_errors=True)
