from pathlib import Path

from tests.mutants.groups import GROUPS, chosen, importers
from tests.mutants.mistakes import accepted, key, mistakes

SOURCE = '''
class Lock:
    def held(self, now):
        """By anybody."""
        left = self.until - now
        return left > 0


async def refuse(why):
    raise ValueError("there is no such lock", why)
'''
MUTATED = '''
class Lock:
    @_mutmut_mutated(mutants_xǁLockǁheld)
    def held(self, now):
        """By anybody."""
        left = self.until - now
        return left > 0

    def xǁLockǁheld__mutmut_orig(self, now):
        """By anybody."""
        left = self.until - now
        return left > 0

    def xǁLockǁheld__mutmut_1(self, now):
        """By anybody."""
        left = self.until + now
        return left > 0

    def xǁLockǁheld__mutmut_2(self, now):
        """By anybody."""
        left = self.until - now
        return left >= 0

async def x_refuse__mutmut_orig(why):
    raise ValueError("there is no such lock", why)

async def x_refuse__mutmut_1(why):
    raise ValueError("XXthere is no such lockXX", why)

async def x_refuse__mutmut_2(why):
    raise ValueError("there is no such lock", None)

async def x_refuse__mutmut_3(why):
    raise ValueError("there is no such lock", )
'''


def test_mistakes_are_told_by_the_line_they_change():
    """Where it is in the real file, what was there, what is there now; how a message is worded is no mistake."""
    found = list(mistakes("reconciler/core/lock.py", SOURCE, MUTATED))

    assert [(each.line, each.function, each.before, each.after) for each in found] == [
        (5, "Lock.held", "left = self.until - now", "left = self.until + now"),
        (6, "Lock.held", "return left > 0", "return left >= 0"),
        (
            10,
            "refuse",
            'raise ValueError("there is no such lock", why)',
            'raise ValueError("there is no such lock", None)',
        ),
        (10, "refuse", 'raise ValueError("there is no such lock", why)', 'raise ValueError("there is no such lock", )'),
    ]
    assert found[0].name == "reconciler.core.lock.xǁLockǁheld__mutmut_1"


def test_an_accepted_mistake_is_known_again_wherever_its_line_moves(tmp_path):
    """The file, the function and the two lines say which it is."""
    listed = tmp_path / "accepted.toml"
    listed.write_text(
        '[[accepted]]\npath = "a.py"\nfunction = "Lock.held"\nbefore = "return left > 0"\nafter = "return left >= 0"\n'
        'reason = "nobody comes at that very moment"\n'
    )

    moved = [key(each) for each in mistakes("a.py", f"\n\n{SOURCE}", MUTATED)]

    assert [each in accepted(listed) for each in moved] == [False, True, False, False]


def test_every_accepted_mistake_has_a_reason():
    """What nobody can explain is a missing test."""
    assert [where for where, reason in accepted().items() if len(reason.split()) < 3] == []


def test_every_group_has_modules_and_tests():
    """A module or a test that moves takes its place in the list along."""
    root = Path(__file__).resolve().parents[2]

    groups = list(chosen(root, []))

    assert len(groups) == len(GROUPS)
    assert all(group.tests or group.further for group in groups)


def test_tests_of_a_module_are_those_that_import_it(tmp_path):
    """By its own name or from its package; a word that begins alike is another module."""
    (tmp_path / "tests").mkdir()
    for name, text in {
        "test_a": "from runtime.serving.batching import Batcher",
        "test_b": "def late():\n    from runtime.serving import batching",
        "test_c": "from runtime.batching_options import Options",
        "test_d": "# batching, of the runtime",
    }.items():
        (tmp_path / "tests" / f"{name}.py").write_text(text)

    assert importers(tmp_path, "runtime/serving/batching.py") == ["tests/test_a.py", "tests/test_b.py"]
