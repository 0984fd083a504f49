from __future__ import annotations

import hashlib
import itertools

import orjson
import pytest

from bspump_like import Pipeline, ProcessingError, Reject
from bspump_like.integrity import IntegrityEnricher, IntegrityVerifier
from bspump_like.testing import CollectSink, ListSource, run_pump
from tests.common.stopping import StoppedSource

EVENTS = [{"text": f"n{number}"} for number in range(25)]


def run(events, part, store=":memory:", source=ListSource, config=None):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P")
        sinks.append(CollectSink(app, pipeline))
        made = source(app, pipeline, [dict(event) for event in events], id="S", config={"batch_size": 8})
        pipeline.build(made, part(app, pipeline, config=config), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    run_pump(build, store=store)
    return sinks[0].events


def test_each_event_has_its_hash_and_that_of_the_one_before():
    chained = run(EVENTS, IntegrityEnricher)
    assert chained[0]["_prev_id"] is None
    assert all(two["_prev_id"] == one["_id"] for one, two in itertools.pairwise(chained))
    assert len({event["_id"] for event in chained}) == 25
    first = chained[0]["_id"]
    data = orjson.dumps({"_prev_id": None, "text": "n0"})
    assert first == first[:6] + hashlib.sha256(bytes.fromhex(first[:6]) + data).hexdigest()


def test_the_chain_goes_on_after_a_stop_and_repeats_itself_after_a_crash(tmp_path):
    store = str(tmp_path / "store.db")
    begun = run(EVENTS, IntegrityEnricher, store, StoppedSource)
    (tmp_path / "copy.db").write_bytes((tmp_path / "store.db").read_bytes())
    rest = run(EVENTS, IntegrityEnricher, store)
    assert rest[0]["_prev_id"] == begun[-1]["_id"]
    assert run(EVENTS, IntegrityEnricher, str(tmp_path / "copy.db")) == rest
    assert run(begun + rest, IntegrityVerifier) == begun + rest


@pytest.fixture
def chained():
    return run(EVENTS, IntegrityEnricher)


def test_a_change_is_noticed(make, chained):
    part = make(IntegrityVerifier)
    chained[3]["text"] = "forged"
    assert [part.process({}, event) for event in chained[:3]] == chained[:3]
    with pytest.raises(Reject, match="the event was changed"):
        part.process({}, chained[3])


@pytest.mark.parametrize("order", [[0, 2], [1, 0], [0, 1, 0]])
def test_a_gap_and_another_order_are_noticed(make, chained, order):
    part = make(IntegrityVerifier)
    for index in order[:-1]:
        part.process({}, chained[index])
    with pytest.raises(Reject, match="events are missing, or come in another order"):
        part.process({}, chained[order[-1]])


def test_a_repetition_and_a_beginning_in_the_middle_pass(make, chained):
    part = make(IntegrityVerifier)
    for index in (7, 7, 8):
        assert part.process({}, chained[index]) is chained[index]


@pytest.mark.parametrize("event", ["text", {}, {"_id": 5}, {"_id": "zz"}])
def test_what_bears_no_hash_is_rejected(make, event):
    with pytest.raises(Reject):
        make(IntegrityVerifier).process({}, event)


def test_names_function_and_salt_can_be_set(make):
    config = {"algorithm": "BLAKE2b", "hash_key": "h", "prev_hash_key": "p", "salt_length": 0}
    event = make(IntegrityEnricher, config).process({}, {"a": 1})
    assert event == {"a": 1, "p": None, "h": hashlib.blake2b(b'{"a":1,"p":null}').hexdigest()}
    assert make(IntegrityVerifier, config).process({}, event) is event


def test_what_is_no_dict_fails(make):
    with pytest.raises(ProcessingError, match="expected a dict to chain, got str"):
        make(IntegrityEnricher).process({}, "text")
