"""`mlservice budget`: what people see of budgets, and how they lift a step."""

from tests.operating import spec
from tests.spending import World, budgeted


def test_people_see_what_is_spent_and_lift_a_step(shell, operator):
    """A line each, every step of one, the same for a program; a lift is shown before it is written down."""
    world = World(operator)
    assert "no budget with steps was looked at yet" in shell("budget", "status", "--local").out
    operator.apply(budgeted(), spec("other"))
    world.spend(1000)
    world.reconcile(budgeted())

    table, one = shell("budget", "status", "--local"), shell("budget", "status", "churn", "--local")
    assert [line.split()[0] for line in table.out.splitlines()] == ["service", "churn"]
    assert "111 %" in table.out
    assert "Notify, ScaleToZero" in table.out
    assert "111 % of it, 1000." in one.out
    assert "111 % billed, 0 % by our own estimate of 900 EUR" in one.out
    assert "capped" not in one.out
    (data,) = shell("budget", "status", "-o", "json", "--local").json
    assert (data["name"], data["bill"]["share"][:4]) == ("churn", "1.11")
    assert [each["state"] for each in data["steps"]] == ["taken", "taken", "not taken"]
    said = shell("status", "churn", "--local").out
    assert "no instance kept warm, by budget until 1 " in said

    shown = shell("budget", "lift", "churn", "--step", "ScaleToZero", "--until", "3d", "--dry-run", "--local")
    assert "ScaleToZero at 100 % ends, and is not taken until " in shown.out
    assert shell("budget", "status", "-o", "json", "--local").json == [data]
    assert shell("budget", "lift", "churn", "--step", "ScaleToZero", "--until", "3d", "--local").code == 0
    (after,) = shell("budget", "status", "-o", "json", "--local").json
    assert after["steps"][1]["state"] == "lifted"
    assert after["steps"][1]["why"].startswith("by emulator (")
    shell.write(budgeted())
    assert shell("apply", "--local", "--yes").code == 0
    assert world.scaling == (1, 0)
    for long in ("40d", "3000000d"):
        assert shell("budget", "lift", "churn", "--until", long, "--local").code == 64
    assert shell("budget", "lift", "other", "--local").code == 64
    assert shell("budget", "status", "chrn", "--local").code == 64
