from __future__ import annotations

import sqlite3

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bspump_like.codec import Unencodable
from bspump_like.store import AsyncStore, Commit, DeadLetter, Store, StoreError, open_store


@pytest.fixture
def store(tmp_path):
    store = Store(str(tmp_path / "folder" / "store.db"))
    yield store
    store.close()


def letter(event="e", **more):
    return DeadLetter("P", "Proc", "no", event, **more)


def test_positions_of_a_source_are_kept_by_partition(store):
    store.commit(Commit({("P", "S"): {"0": 5, "1": {"offset": 7}}, ("P", "T"): {"0": 1}}))
    store.commit(Commit({("P", "S"): {"1": 8}}))
    assert store.positions("P", "S") == {"0": 5, "1": 8}
    assert store.positions("P", "T") == {"0": 1}
    assert store.positions("Q", "S") == {}


def test_none_forgets_a_partition(store):
    store.commit(Commit({("P", "S"): {"0": 5, "1": 6}}))
    store.commit(Commit({("P", "S"): {"0": None}}))
    assert store.positions("P", "S") == {"1": 6}


def test_snapshots_are_replaced(store):
    store.commit(Commit(snapshots={("P", "A"): {"n": 1}, ("P", "B"): b"x", ("Q", "A"): None}))
    store.commit(Commit(snapshots={("P", "A"): {"n": 2}}))
    assert store.snapshots("P") == {"A": {"n": 2}, "B": b"x"}


def test_a_commit_is_stored_whole_or_not_at_all(store):
    store.commit(Commit({("P", "S"): {"0": 1}}))
    with pytest.raises(Unencodable):
        store.commit(Commit({("P", "S"): {"0": 2}}, snapshots={("P", "A"): object()}))
    assert store.positions("P", "S") == {"0": 1}
    store.commit(Commit({("P", "S"): {"0": 3}}))
    assert store.positions("P", "S") == {"0": 3}


def test_what_was_committed_is_there_after_the_file_was_closed(tmp_path):
    path = str(tmp_path / "store.db")
    first = Store(path)
    first.commit(Commit({("P", "S"): {"0": 5}}, {("P", "A"): [1]}, [letter()]))
    first.set_state("run", {"finished": ["P"]})
    first.close()
    second = open_store(path)
    assert second.positions("P", "S") == {"0": 5}
    assert second.snapshots("P") == {"A": [1]}
    assert second.get_state("run", "finished") == ["P"]
    assert len(second.dead_letters()) == 1
    second.close()


def test_forget_starts_pipelines_over_and_keeps_dead_letters(store):
    store.commit(Commit({("P", "S"): {"0": 1}, ("Q", "S"): {"0": 2}}, {("P", "A"): 1, ("Q", "A"): 2}, [letter()]))
    assert store.pipelines() == {"P", "Q"}
    store.forget(["P"])
    assert store.positions("P", "S") == {}
    assert store.snapshots("P") == {}
    assert store.pipelines() == {"Q"}
    assert len(store.dead_letters()) == 1


def test_state_is_kept_by_namespace_and_key(store):
    assert store.get_state("a", "k") is None
    assert store.get_state("a", "k", 5) == 5
    store.set_state("a", {"k": [1], "l": 2})
    store.set_state("b", {"k": 3})
    assert (store.get_state("a", "k"), store.get_state("a", "l"), store.get_state("b", "k")) == ([1], 2, 3)


# dead letters


def test_a_dead_letter_comes_back_with_all_that_a_replay_needs(store):
    try:
        raise ValueError("no")
    except ValueError as error:
        made = DeadLetter.of("P", "Proc", error, {"a": (1, b"x")}, {"key": 5, "socket": object()})
    store.commit(Commit(dead_letters=[made]))
    [kept] = store.dead_letters()
    assert (kept.pipeline, kept.processor, kept.event) == ("P", "Proc", {"a": (1, b"x")})
    assert (kept.error_type, kept.error) == ("ValueError", "no")
    assert kept.context == {"key": 5}
    assert kept.time > 0
    assert "test_store.py" in kept.traceback
    assert store.dead_letter(kept.id) == kept
    assert store.dead_letter(kept.id + 1) is None


def test_what_cannot_be_replayed_says_so(store):
    store.commit(Commit(dead_letters=[letter(object(), state="deferred")]))
    [kept] = store.dead_letters()
    assert kept.state == "unreplayable"
    assert store.request_replay([kept.id]) == 0


def test_dead_letters_are_listed_by_pipeline_and_state_oldest_first(store):
    store.commit(Commit(dead_letters=[letter(n, state="deferred" if n % 2 else "dead") for n in range(6)]))
    store.commit(Commit(dead_letters=[DeadLetter("Q", "Proc", "no", "q")]))
    assert [one.event for one in store.dead_letters()] == [0, 1, 2, 3, 4, 5, "q"]
    assert [one.event for one in store.dead_letters(pipeline="P", state="dead")] == [0, 2, 4]
    assert [one.event for one in store.dead_letters(limit=2)] == [0, 1]


def test_deferred_letters_are_due_when_their_time_has_come_and_replays_at_once(store):
    deferred = [letter(event, state="deferred", due=due) for event, due in (("a", 10.0), ("b", 20.0))]
    store.commit(Commit(dead_letters=[letter("d"), *deferred]))
    assert store.due_dead_letters(9) == []
    assert [one.event for one in store.due_dead_letters(10)] == ["a"]
    assert [one.event for one in store.due_dead_letters(99)] == ["a", "b"]
    assert store.request_replay([1]) == 1
    assert [one.event for one in store.due_dead_letters(0)] == ["d"]
    assert store.request_replay([1]) == 0


def test_a_barrier_removes_what_was_replayed(store):
    store.commit(Commit(dead_letters=[letter("a"), letter("b")]))
    store.commit(Commit(discards=[1]))
    assert [one.event for one in store.dead_letters()] == ["b"]
    assert store.discard([2, 3]) == 1
    assert store.dead_letters() == []


# trouble


def test_a_store_that_cannot_be_opened_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot open the store .*set \[store\] path"):
        Store(str(tmp_path / "file" / "store.db"))
    (tmp_path / "garbage.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="cannot open the store"):
        Store(str(tmp_path / "garbage.db"))


def test_tools_open_only_what_exists(tmp_path):
    with pytest.raises(StoreError, match="there is no store at"):
        open_store(str(tmp_path / "none.db"))
    assert not (tmp_path / "none.db").exists()


def test_a_store_that_cannot_be_written_is_told_and_keeps_what_it_had(tmp_path):
    path = str(tmp_path / "store.db")
    store = Store(path)
    store.commit(Commit({("P", "S"): {"0": 1}}))
    store._db.execute("PRAGMA busy_timeout = 0")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="cannot write the store"):
        store.commit(Commit({("P", "S"): {"0": 2}}))
    other.execute("ROLLBACK")
    other.close()
    assert store.positions("P", "S") == {"0": 1}
    store.commit(Commit({("P", "S"): {"0": 2}}))
    assert store.positions("P", "S") == {"0": 2}
    store.close()


@pytest.mark.asyncio
async def test_the_async_store_answers_off_the_loop_in_order(tmp_path):
    store = AsyncStore()
    await store.open(str(tmp_path / "store.db"))
    for number in range(5):
        await store.call(Store.commit, Commit({("P", "S"): {"0": number}}))
    assert await store.call(Store.positions, "P", "S") == {"0": 4}
    with pytest.raises(Unencodable):
        await store.call(Store.set_state, "a", {"k": object()})
    await store.close()


@pytest.mark.asyncio
async def test_an_async_store_that_was_never_opened_closes():
    await AsyncStore().close()


# against a model

NAMES = st.sampled_from("PQ")
PARTITIONS = st.sampled_from(["0", "1"])


class Modelled(RuleBasedStateMachine):
    """A store does what dicts and a list would do."""

    def __init__(self):
        super().__init__()
        self.store = Store(":memory:")
        self.positions, self.snapshots, self.letters = {}, {}, {}
        self.ids = 0

    def teardown(self):
        self.store.close()

    @rule(
        pipeline=NAMES,
        moved=st.dictionaries(PARTITIONS, st.none() | st.integers()),
        states=st.dictionaries(NAMES, st.integers()),
        letters=st.lists(st.integers(), max_size=3),
        discards=st.lists(st.integers(1, 8), max_size=2),
    )
    def commit(self, pipeline, moved, states, letters, discards):
        snapshots = {(pipeline, part): state for part, state in states.items()}
        self.store.commit(Commit({(pipeline, "S"): moved}, snapshots, [letter(n) for n in letters], discards))
        for partition, value in moved.items():
            self.positions.pop((pipeline, partition), None)
            if value is not None:
                self.positions[pipeline, partition] = value
        self.snapshots.update(snapshots)
        for event in letters:
            self.ids += 1
            self.letters[self.ids] = event
        for id in discards:
            self.letters.pop(id, None)

    @rule(pipeline=NAMES)
    def forget(self, pipeline):
        self.store.forget([pipeline])
        self.positions = {key: value for key, value in self.positions.items() if key[0] != pipeline}
        self.snapshots = {key: value for key, value in self.snapshots.items() if key[0] != pipeline}

    @invariant()
    def same(self):
        for pipeline in "PQ":
            assert self.store.positions(pipeline, "S") == {
                p: v for (name, p), v in self.positions.items() if name == pipeline
            }
            assert self.store.snapshots(pipeline) == {
                p: v for (name, p), v in self.snapshots.items() if name == pipeline
            }
        assert {one.id: one.event for one in self.store.dead_letters()} == self.letters


TestModelled = Modelled.TestCase
TestModelled.settings = settings(max_examples=30, stateful_step_count=15, deadline=None, database=None)


class Blocks:
    """A shared state of one stream."""

    def __init__(self, *blocks, whole=False):
        self.header, self.whole, self.blocks = {"n": len(blocks)}, whole, blocks
        self.durable = False

    def changes(self):
        yield from self.blocks

    def done(self):
        raise AssertionError("the store does not say so")


def test_shared_state_is_kept_by_blocks_of_which_some_are_replaced(store):
    store.commit(Commit(shared={"M": (["P"], Blocks(("a", 0, b"0"), ("a", 1, b"1"), ("b", 0, b"x")))}))
    store.commit(Commit(shared={"M": (["P"], Blocks(("a", 1, b"2"), ("b", 0, None)))}))
    assert store.shared("M") == ({"n": 2}, {"a": [b"0", b"2"]})
    store.commit(Commit(shared={"M": (["P"], Blocks(("c", 0, b"y"), whole=True))}))
    assert store.shared("M") == ({"n": 1}, {"c": [b"y"]})
    assert store.shared("N") is None


def test_shared_state_is_forgotten_with_the_last_of_its_pipelines(store):
    store.commit(Commit(shared={"M": (["P", "Q"], Blocks(("a", 0, b"0")))}))
    assert [store.shared_by(pipeline) for pipeline in "PQR"] == [["M"], ["M"], []]
    store.forget(["P"])
    assert [store.shared_by("P"), store.shared("M")] == [[], ({"n": 1}, {"a": [b"0"]})]
    store.forget(["Q"])
    assert store.shared("M") is None


def test_shared_state_that_cannot_be_written_leaves_everything_as_it_was(store):
    class Full(Blocks):
        def changes(self):
            yield "a", 0, b"1"
            raise OSError("no space left")

    store.commit(Commit({("P", "S"): {"0": 1}}, shared={"M": (["P"], Blocks(("a", 0, b"0")))}))
    with pytest.raises(StoreError, match="no space left"):
        store.commit(Commit({("P", "S"): {"0": 2}}, shared={"M": (["P"], Full())}))
    assert (store.positions("P", "S"), store.shared("M")) == ({"0": 1}, ({"n": 1}, {"a": [b"0"]}))
