"""Mounts for one program, which it then becomes: `mounting.py '[["/folder", "/path", false], ...]' -- COMMAND ...`.

A program of its own, of the standard library alone, which the emulator starts in a container's place. It takes a mount
namespace (as an ordinary user, with a user namespace around it), in which folders of this machine lie at the
container's paths. Nothing is made or seen outside of it: where a path's folder is not there, the nearest one above it
is covered by one in memory that shows the same things, and the path is made in that.

Source: mount_namespaces(7), user_namespaces(7), mount(2).
"""

import ctypes
import json
import os
import sys
import tempfile

NEWNS, NEWUSER = 0x20000, 0x10000000
RDONLY, REMOUNT, BIND, REC, UNBINDABLE, PRIVATE = 1, 32, 4096, 16384, 1 << 17, 1 << 18
KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
"""What a remount must repeat of a mount's flags, as statvfs(3) tells and mount(2) takes them."""
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    """Call the C library.

    Raises:
        OSError: It failed.
    """
    given = [each.encode() if isinstance(each, str) else each for each in arguments]
    if getattr(LIBC, name)(*given) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)


def own_namespace() -> None:
    """Take a mount namespace, from which nothing spreads."""
    user, group = os.getuid(), os.getgid()
    try:
        call("unshare", NEWNS)
    except PermissionError:
        call("unshare", NEWNS | NEWUSER)
        for path, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{path}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
                file.write(text)
    call("mount", "none", "/", None, REC | PRIVATE, None)


def cover(folder: str, at: str) -> None:
    """Show what is in a folder at another place, where more can be made beside it."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    call("mount", "tmpfs", at, "tmpfs", 0, "mode=755")
    if folder == "/":
        call("mount", "none", at, None, UNBINDABLE, None)  # else it would be shown within itself
    for entry in entries:
        target = f"{at}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), target)  # noqa: PTH115, PTH211 - pathlib is slow to import
            continue
        if entry.is_dir():
            os.mkdir(target)  # noqa: PTH102 - pathlib is slow to import
        else:
            os.close(os.open(target, os.O_CREAT))
        call("mount", entry.path, target, None, BIND | REC, None)


def provide(root: str, path: str) -> str:
    """Have a folder at a path below a root; gives where it is. Links are followed within the root."""
    here, words = root, path.strip("/").split("/")
    while words:
        word = words.pop(0)
        below = f"{here}/{word}"
        if word in ("", "."):
            continue
        if word == "..":
            here = here if here == root else os.path.dirname(here)  # noqa: PTH120 - pathlib is slow to import
        elif os.path.islink(below):  # noqa: PTH114 - pathlib is slow to import
            target = os.readlink(below)  # noqa: PTH115 - pathlib is slow to import
            here = root if target.startswith("/") else here
            words = [*target.split("/"), *words]
        elif os.path.isdir(below):  # noqa: PTH112 - pathlib is slow to import
            here = below
        else:
            if here != root:
                staged = tempfile.mkdtemp(dir=f"{root}/.staged")
                cover(here, staged)
                call("mount", staged, here, None, BIND | REC, None)
            here = "/".join([below, *words])
            os.makedirs(here)  # noqa: PTH103 - pathlib is slow to import
            break
    return here


def mount(root: str, folder: str, path: str, *, read_only: bool) -> None:
    """Put a folder at a path."""
    at = provide(root, path)
    call("mount", folder, at, None, BIND | REC, None)
    if read_only:
        found = os.statvfs(at).f_flag
        kept = sum(flag for bit, flag in KEPT.items() if found & bit)
        call("mount", None, at, None, REMOUNT | BIND | RDONLY | kept, None)


def main() -> None:
    """Mount, and become the program."""
    mounts, command = json.loads(sys.argv[1]), sys.argv[3:]
    folder = os.getcwd()  # noqa: PTH109 - pathlib is slow to import
    own_namespace()
    root = tempfile.mkdtemp(prefix="root-")
    cover("/", root)
    os.mkdir(f"{root}/.staged")  # noqa: PTH102 - pathlib is slow to import
    for source, path, read_only in mounts:
        mount(root, source, path, read_only=read_only)
    os.chroot(root)
    os.chdir(folder)
    try:
        os.execvp(command[0], command)  # noqa: S606 - what it is for
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
