"""What a backlog delivers: the decisions alone, with time as an argument."""

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emulator.apis.pubsub.backlog import Backlog, Entry, Handle, State, Tab, Terms, backoff_s

NOW = 1_000_000.0


def filled(terms=None, *keys):
    """A backlog with one message per key, numbered from 1, published at `NOW`."""
    made = Backlog(terms or Terms())
    for number, key in enumerate(keys, start=1):
        made.add(Entry(number, 10, NOW, key))
    return made


def numbers(deliveries):
    return [each.number for each in deliveries]


def handles(deliveries):
    return [Handle(each.number, each.lease) for each in deliveries]


def test_messages_leave_in_the_order_they_came():
    """No more than asked for; the rest next time."""
    backlog = filled(None, "", "", "")

    assert numbers(backlog.take(NOW, 2)) == [1, 2]
    assert numbers(backlog.take(NOW, 2)) == [3]
    assert backlog.take(NOW, 2) == []


def test_bytes_bound_what_is_taken():
    """The message that passes the bound still goes: one larger than it would never leave."""
    backlog = filled(None, "", "", "")

    assert numbers(backlog.take(NOW, 9, bytes_most=11)) == [1, 2]


def test_a_lease_ends_at_its_deadline():
    """Not before, and the next due time says when."""
    backlog = filled(Terms(deadline_s=10), "")
    backlog.take(NOW, 1)

    assert backlog.next_due() == NOW + 10
    assert backlog.take(NOW + 9.9, 1) == []
    [again] = backlog.take(NOW + 10, 1)
    assert again.attempt == 2


def test_more_time_moves_the_deadline():
    """Counted from now; less time as well."""
    backlog = filled(Terms(deadline_s=10), "")
    [taken] = backlog.take(NOW, 1)

    assert backlog.extend(handles([taken]), 60, NOW + 5) == []
    assert backlog.take(NOW + 64, 1) == []
    assert backlog.extend(handles([taken]), 1, NOW + 64) == []
    assert numbers(backlog.take(NOW + 65, 1)) == [1]


@pytest.mark.parametrize(("attempts", "pause"), [(1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (10_000, 600)])
def test_rests_double_up_to_the_longest(attempts, pause):
    """From the shortest on."""
    assert backoff_s((10, 600), attempts) == pause


def test_a_message_rests_after_it_came_back():
    """Longer each time; what is ready meanwhile goes first."""
    backlog = filled(Terms(backoff_s=(10, 600)), "")
    backlog.extend(handles(backlog.take(NOW, 1)), 0, NOW)
    assert backlog.take(NOW + 9, 1) == []
    backlog.extend(handles(backlog.take(NOW + 10, 1)), 0, NOW + 10)
    assert backlog.take(NOW + 29, 1) == []
    assert [each.attempt for each in backlog.take(NOW + 30, 1)] == [3]


def test_the_fifth_refusal_makes_a_dead_letter():
    """It goes to nobody any more, unless nobody takes it: then it is delivered again."""
    backlog = filled(Terms(attempts_most=5), "")
    for _ in range(5):
        assert backlog.dead == []
        backlog.extend(handles(backlog.take(NOW, 1)), 0, NOW)

    assert backlog.dead == [1]
    assert backlog.take(NOW + 1e6, 1) == []
    assert backlog.next_due() is None
    backlog.revive(1)
    assert [each.attempt for each in backlog.take(NOW, 1)] == [6]


def test_messages_of_a_key_follow_each_other():
    """Several in one delivery; none while another is out."""
    backlog = filled(Terms(ordered=True), "x", "x", "y", "x")

    first = backlog.take(NOW, 2)
    assert numbers(first) == [1, 2]
    assert numbers(backlog.take(NOW, 9)) == [3]
    backlog.ack(handles(first[:1]), NOW)
    assert backlog.take(NOW, 9) == []
    backlog.ack(handles(first[1:]), NOW)
    assert numbers(backlog.take(NOW, 9)) == [4]


def test_one_of_a_key_at_a_time():
    """For pushes."""
    backlog = filled(Terms(ordered=True), "x", "x", "y")

    assert numbers(backlog.take(NOW, 9, per_key=1)) == [1, 3]


def test_a_message_that_comes_back_calls_those_after_it():
    """They have not been refused, so that does not count as an attempt."""
    backlog = filled(Terms(ordered=True), "x", "x", "x")
    taken = backlog.take(NOW, 9)
    backlog.ack(handles(taken[:1]), NOW)
    backlog.extend(handles(taken[1:2]), 0, NOW)

    assert [(each.number, each.attempt) for each in backlog.take(NOW, 9)] == [(2, 2), (3, 1)]


def test_only_the_last_lease_settles_exactly_once():
    """Elsewhere any will do."""
    for exact in (True, False):
        backlog = filled(Terms(deadline_s=10, exact=exact), "")
        old = handles(backlog.take(NOW, 1))
        backlog.take(NOW + 10, 1)
        settled, invalid = backlog.ack(old, NOW + 11)
        assert (len(settled), invalid) == ((0, old) if exact else (1, []))


def test_a_tab_counts_what_is_out():
    """Whichever way it comes back."""
    backlog, tab = filled(Terms(deadline_s=10), "", "", ""), Tab()
    taken = backlog.take(NOW, 3, tab)
    assert (tab.messages, tab.bytes) == (3, 30)
    backlog.ack(handles(taken[:1]), NOW)
    backlog.extend(handles(taken[1:2]), 0, NOW)
    assert (tab.messages, tab.bytes) == (1, 10)
    backlog.settle(NOW + 10)
    assert (tab.messages, tab.bytes) == (0, 0)


def test_messages_expire():
    """The oldest first; those that are out as well."""
    backlog = filled(Terms(retention_s=600), "", "")
    backlog.add(Entry(3, 10, NOW + 1))
    taken = backlog.take(NOW, 1)

    assert not backlog.is_stale(NOW + 599)
    assert backlog.is_stale(NOW + 600)
    assert backlog.expired(NOW + 599) == []
    assert backlog.expired(NOW + 600) == [1, 2]
    assert backlog.ack(handles(taken), NOW + 600) == ([], [])
    assert len(backlog) == 1


class Model(RuleBasedStateMachine):
    """Any sequence of publishing, taking, settling, giving back and waiting, against what must always hold."""

    @initialize(
        ordered=st.booleans(),
        exact=st.booleans(),
        backoff=st.sampled_from([None, (1.0, 8.0), (10.0, 600.0)]),
        most=st.sampled_from([0, 5]),
    )
    def begin(self, ordered, exact, backoff, most):
        self.terms = Terms(deadline_s=10, ordered=ordered, exact=exact, backoff_s=backoff, attempts_most=most)
        self.backlog = Backlog(self.terms)
        self.now, self.tab = NOW, Tab()
        self.keys, self.settled, self.given = {}, set(), []

    @rule(key=st.sampled_from(["", "x", "y"]))
    def publish(self, key):
        number = len(self.keys) + 1
        self.keys[number] = key
        self.backlog.add(Entry(number, 10, self.now, key))

    @rule(most=st.integers(1, 4), per_key=st.sampled_from([0, 1]))
    def take(self, most, per_key):
        out = self.out()
        taken = self.backlog.take(self.now, most, self.tab, per_key=per_key)
        assert len(taken) <= most
        assert not {each.number for each in taken} & self.settled
        assert len({each.number for each in taken}) == len(taken)
        if self.terms.ordered:
            self.check_order(out, numbers(taken), per_key)
        self.given += handles(taken)

    def out(self):
        self.backlog.settle(self.now)
        return {each.number for each in self.backlog.entries() if each.state is State.LEASED}

    def check_order(self, out, taken, per_key):
        for key in ("x", "y"):
            of_key = [number for number in taken if self.keys[number] == key]
            waiting = [n for n, k in self.keys.items() if k == key and n not in self.settled]
            assert of_key == waiting[: len(of_key)], "the first of a key, without a gap"
            assert not of_key or not {number for number in out if self.keys[number] == key}, "none while one is out"
            assert not per_key or len(of_key) <= per_key

    @rule(data=st.data())
    def ack(self, data):
        if self.given:
            handle = data.draw(st.sampled_from(self.given))
            settled, invalid = self.backlog.ack([handle], self.now)
            assert not (settled and invalid)
            self.settled |= {each.number for each in settled}

    @rule(data=st.data(), seconds=st.sampled_from([0, 5, 60]))
    def extend(self, data, seconds):
        if self.given:
            self.backlog.extend([data.draw(st.sampled_from(self.given))], seconds, self.now)

    @rule(seconds=st.sampled_from([0.5, 10.0, 700.0]))
    def pass_time(self, seconds):
        self.now += seconds

    @invariant()
    def nothing_is_lost(self):
        waiting = [each.number for each in self.backlog.entries()]
        assert set(waiting) == set(self.keys) - self.settled

    @invariant()
    def what_is_out_is_counted(self):
        out = [each for each in self.backlog.entries() if each.state is State.LEASED]
        assert (self.tab.messages, self.tab.bytes) == (len(out), 10 * len(out))

    @invariant()
    def what_rests_is_due_some_time(self):
        busy = [each for each in self.backlog.entries() if each.state is not State.READY]
        due = self.backlog.next_due()
        assert (due is not None) == any(each.until != float("inf") for each in busy)
        assert due is None or due == min(each.until for each in busy)

    def teardown(self):
        """In the end everything comes, each message until it is settled."""
        times = Counter()
        for _ in range(len(self.keys) * 12):
            self.now += 700
            dead, self.backlog.dead = self.backlog.dead, []
            for number in dead:
                self.backlog.remove(number)
                self.settled.add(number)
            for each in self.backlog.take(self.now, 1):
                times[each.number] += 1
                self.backlog.ack(handles([each]), self.now)
                self.settled.add(each.number)
        assert len(self.backlog) == 0
        assert set(self.keys) == self.settled


Model.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestModel = Model.TestCase
