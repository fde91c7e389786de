"""`--project` beside `--local`: every project id works on the emulator."""

from tests.operating import spec


def test_another_project_of_the_emulator_is_followed(shell):
    """It is planned there, and said so; nothing of `local` is in it."""
    shell.write(spec())

    named, unnamed = shell("plan", "--local", "--project", "acme"), shell("plan", "--local")

    assert "project acme (--project)" in named.err
    assert "project local (--local)" in unnamed.err
    assert shell("apply", "--local", "--project", "acme", "--yes").code == 0
    assert shell("plan", "--local", "--project", "acme", "--detailed-exitcode").code == 0
    assert "create" in shell("plan", "--local").out
