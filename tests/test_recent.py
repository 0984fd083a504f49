from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bspump_like.recent import RecentLog
from bspump_like.store import Commit, Store, StoreError

BLOCK = 3
STEPS = st.lists(
    st.one_of(
        st.integers(1, 7).map(lambda count: ("append", count)),
        st.sampled_from([("forget", 0), ("barrier", 0), ("failed barrier", 0), ("crash", 0), ("clear", 0)]),
    ),
    max_size=40,
)


class Failing:
    def __init__(self, saved):
        self.header, self.whole, self.durable, self._saved = saved.header, saved.whole, saved.durable, saved

    def changes(self):
        yield from self._saved.changes()
        raise OSError("no space left")


@given(STEPS)
def test_after_a_crash_it_is_as_at_the_last_barrier(steps):
    store = Store(":memory:")
    log, model, stored, number = RecentLog("L", BLOCK), [], [], 0
    for step, count in steps:
        if step == "append":
            for _ in range(count):
                log.append(number)
                model.append(number)
                number += 1
        elif step == "forget" and log.closed_blocks:
            assert log.forget() == model[: len(model) - len(log)]
            model = list(log)
        elif step == "clear":
            log.clear()
            model = []
        elif step in ("barrier", "failed barrier"):
            saved = log.save()
            if step == "barrier":
                store.commit(Commit(shared={"L": (["P"], saved)}))
                saved.done()
                stored = list(model)
            else:
                try:
                    store.commit(Commit(shared={"L": (["P"], Failing(saved))}))
                except StoreError:
                    pass
        elif step == "crash":
            log, model = RecentLog("L", BLOCK), list(stored)
            found = store.shared("L")
            if found is not None:
                log.load(*found)
        assert list(log) == model
        assert len(log) == len(model)
    store.close()


def test_a_barrier_writes_only_what_is_new():
    log = RecentLog("L", BLOCK)
    for number in range(100):
        log.append(number)
    log.save().done()
    log.append(100)
    assert [(stream, data is None) for stream, _, data in log.save().changes()] == [("0000000000000033", False)]
