"""KafkaSink against a real broker: what arrives, where, and what does not."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as reference
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import Pipeline
from bspump_like.kafka import KafkaBatchSink, KafkaSink
from bspump_like.kafka.partitioner import Partitioner, murmur2
from bspump_like.testing import ListSource, run_pump
from tests.kafka.pumps import FAST, connected, consume, produce
from tests.pumping import QUICK, Endless, until


@given(st.binary(max_size=64))
def test_murmur2_is_that_of_kafka(key):
    assert murmur2(key) & 0xFFFFFFFF == reference(key) & 0xFFFFFFFF


@given(st.binary(max_size=20), st.integers(1, 50))
def test_a_key_has_the_partition_of_kafkas_own_clients(key, count):
    assert Partitioner("t", count).place(key) == (
        "t",
        DefaultPartitioner()(key, list(range(count)), list(range(count))),
    )


def test_messages_without_a_key_go_to_the_next_partition_when_their_batch_is_full():
    partitioner = Partitioner("t", 3)
    chosen = []
    for _ in range(4):
        place = partitioner.place(None)
        assert partitioner.place(None) == place
        chosen.append(place[1])
        assert not partitioner.turn(("t", (place[1] + 1) % 3))
        assert partitioner.turn(place)
    assert chosen == [0, 1, 2, 0]


@pytest.mark.service
def test_batches_of_messages_without_a_key_fill_all_partitions(topics):
    topic = topics.create(partitions=3)
    values = [b"%09d" % number for number in range(3000)]
    produce(topics.servers, values, topic=topic, max_batch_size=2000)
    records = topics.read(topic)
    assert sorted(record.value for record in records) == values
    assert {record.partition for record in records} == {0, 1, 2}


@pytest.mark.service
def test_bytes_text_and_dicts_arrive(topics):
    topic = topics.create()
    produce(topics.servers, [b"bytes", "text \u010d", {"a": 1}, bytearray(b"array")], topic=topic)
    assert topics.values(topic) == [b"bytes", "text č".encode(), b'{"a":1}', b"array"]


@pytest.mark.service
def test_fields_of_the_event_choose_topic_and_key(topics):
    one, two = topics.create("one"), topics.create("two")
    kinds = {"a": one, "b": two}
    events = [{"kind": "a", "id": 1}, {"kind": "b", "id": 2}, {"kind": "a"}]
    produce(
        topics.servers,
        [{**event, "topic": kinds[event["kind"]]} for event in events],
        topic="{{ topic }}",
        key="{{ id }}",
    )
    assert [(record.key, orjson.loads(record.value)["kind"]) for record in topics.read(one)] == [
        (b"1", "a"),
        (None, "a"),
    ]
    assert [record.key for record in topics.read(two)] == [b"2"]


@pytest.mark.service
def test_a_key_made_of_the_event_chooses_the_partition_of_that_key(topics):
    topic = topics.create(partitions=5)
    produce(topics.servers, [{"user": f"u{number % 20}"} for number in range(100)], topic=topic, key="{{ user }}")
    records = topics.read(topic)
    assert len(records) == 100
    for record in records:
        assert record.partition == Partitioner(topic, 5).place(record.key)[1]


@pytest.mark.service
def test_context_chooses_topic_key_and_headers(topics):
    one, two = topics.create("one", partitions=4), topics.create("two")
    events = [b"first", b"second", b"third"]
    contexts = [
        {"kafka_key": b"k"},
        {"kafka_topic": two, "kafka_key": "text", "kafka_headers": (("h", b"1"),)},
        {"kafka_topic": two, "kafka_key": 42},
    ]
    produce(topics.servers, events, contexts=contexts, topic=one)
    (first,) = topics.read(one)
    assert (first.key, first.partition) == (b"k", (reference(b"k") & 0x7FFFFFFF) % 4)
    second, third = topics.read(two)
    assert (second.key, list(second.headers)) == (b"text", [("h", b"1")])
    assert (third.key, third.value) == (b"42", b"third")


@pytest.mark.service
def test_order_of_a_key_is_kept_over_many_batches(topics):
    topic = topics.create(partitions=4)
    events = [b"%d" % number for number in range(5000)]
    contexts = [{"kafka_key": b"%d" % (number % 7)} for number in range(5000)]
    produce(
        topics.servers, events, contexts=contexts, topic=topic, max_batch_size=500, pipeline={"max_in_flight": 2000}
    )
    found = topics.read(topic)
    assert sorted(int(message.value) for message in found) == list(range(5000))
    for key in range(7):
        of_key = [int(message.value) for message in found if message.key == b"%d" % key]
        assert of_key == sorted(of_key)


@pytest.mark.service
@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_compressions(topics, codec):
    topic = topics.create()
    produce(topics.servers, [b"x" * 1000] * 20, topic=topic, connection={"compression_type": codec})
    assert topics.values(topic) == [b"x" * 1000] * 20


@pytest.mark.service
@pytest.mark.parametrize(
    "options", [{"acks": "1", "enable_idempotence": False}, {"acks": "all", "enable_idempotence": False}]
)
def test_without_idempotence(topics, options):
    topic = topics.create()
    produce(topics.servers, [b"1", b"2"], topic=topic, **options)
    assert topics.values(topic) == [b"1", b"2"]


@pytest.mark.service
def test_tombstone_is_produced(topics):
    topic = topics.create(cleanup_policy="compact")
    topics.produce(topic, [None], key=b"gone")
    target = topics.create("out", cleanup_policy="compact")
    consume(
        topics.servers, until=lambda pipeline: until(lambda: pipeline.counters.events_out == 1), topic=topic, group_id=topic,
        sink=lambda app, pipeline: KafkaSink(app, pipeline, "Kafka", config={"topic": target}),
    )  # fmt: skip
    (message,) = topics.read(target)
    assert (message.key, message.value) == (b"gone", None)


@pytest.mark.service
@pytest.mark.parametrize("idempotence", [True, False])
def test_a_message_that_is_too_large_becomes_a_dead_letter_and_the_others_arrive(topics, idempotence, tmp_path):
    topic = topics.create(max_message_bytes="2000")
    events = [b"before", b"x" * 5000, b"after", *[b"%d" % number for number in range(300)], b"y" * 3000, b"last"]
    store = str(tmp_path / "store.db")
    pipeline = produce(topics.servers, events, topic=topic, enable_idempotence=idempotence, store=store)
    assert topics.values(topic) == [event for event in events if len(event) < 2000]
    assert pipeline.counters.dead_letters == 2
    letters = dead_letters(store)
    assert [letter.event for letter in letters] == [b"x" * 5000, b"y" * 3000]
    assert "does not take a message of 5000 bytes" in letters[0].error
    assert "MessageSizeTooLarge" in letters[0].error


def dead_letters(path):
    from bspump_like.store import Store

    store = Store(path)
    try:
        return store.dead_letters()
    finally:
        store.close()


@pytest.mark.service
def test_what_the_broker_refuses_for_good_becomes_a_dead_letter(topics):
    topic = topics.create(cleanup_policy="compact")
    events = [b"with key", b"without", b"with key too"]
    contexts = [{"kafka_key": b"k"}, {}, {"kafka_key": b"k"}]
    pipeline = produce(topics.servers, events, contexts=contexts, topic=topic)
    assert topics.values(topic) == [b"with key", b"with key too"]
    assert pipeline.counters.dead_letters == 1


@pytest.mark.service
def test_an_event_that_is_no_message_fails_by_the_policy(topics):
    topic = topics.create()
    pipeline = produce(topics.servers, [b"1", 5.5, b"2"], topic=topic, pipeline={"on_error": "drop"})
    assert topics.values(topic) == [b"1", b"2"]
    assert pipeline.counters.errors == 1


@pytest.mark.service
def test_partitions_that_a_topic_gets_later_are_used(topics):
    topic = topics.create()
    keys = [b"%d" % number for number in range(20)]

    def build(app):
        connected(app, topics.servers)
        pipeline = Pipeline(app, "P", QUICK)
        sink = KafkaSink(app, pipeline, "Kafka", config={"topic": topic, **FAST})
        pipeline.build(Endless(app, pipeline, []), sink)
        app.pump_service.add_pipeline(pipeline)

    async def during(app):
        pipeline = app.pump_service.Pipelines["P"]
        await pipeline.process(b"first", {"kafka_key": keys[0]})
        await pipeline.committer.commit()
        from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

        admin = AIOKafkaAdminClient(bootstrap_servers=topics.servers)
        await admin.start()
        await admin.create_partitions({topic: NewPartitions(5)})
        await admin.close()
        producer = pipeline.Processors[-1][-1]._producer
        while producer._partitioners[topic].count < 5:
            await producer._client.client.force_metadata_update()
            await pipeline.committer.commit()
        for key in keys:
            await pipeline.process(b"then", {"kafka_key": key})
        await pipeline.committer.commit()
        app.stop()

    run_pump(build, during=during)
    found = [message for message in topics.read(topic) if message.value == b"then"]
    assert {message.key: message.partition for message in found} == {
        key: Partitioner("t", 5).place(key)[1] for key in keys
    }


@pytest.mark.service
def test_a_stop_delivers_what_is_left(topics):
    """Stopped in the midst: everything that was taken arrives, and nothing twice."""
    topic, target = topics.create(partitions=2), topics.create("out", partitions=2)
    topics.produce(topic, [b"%d" % number for number in range(3000)])
    for reached in (500, 1500, 3000):
        done = len(topics.read(target))

        async def some(pipeline, goal=reached - done):
            await until(lambda: pipeline.counters.events_out >= goal)

        consume(
            topics.servers, until=some, topic=topic, group_id=topic, event_block_size=50, pipeline={"commit_interval": 60},
            sink=lambda app, pipeline: KafkaSink(app, pipeline, "Kafka", config={"topic": target, **FAST}),
        )  # fmt: skip
    assert sorted(map(int, topics.values(target))) == list(range(3000))


@pytest.mark.service
def test_batch_sink_of_old_definitions(topics):
    topic = topics.create()

    def build(app):
        connected(app, topics.servers)
        pipeline = Pipeline(app, "P", QUICK)
        sink = KafkaBatchSink(
            app, pipeline, "Kafka", lambda key: b"<%d>" % key, config={"topic": topic, "batch_size": 5}
        )
        pipeline.build(ListSource(app, pipeline, [b"1", b"2"]), sink)
        app.pump_service.add_pipeline(pipeline)

    run_pump(build)
    assert topics.values(topic) == [b"1", b"2"]


@pytest.mark.service
def test_a_flush_does_not_wait_for_what_comes_behind_it(topics):
    topic = topics.create()
    flushed = []

    async def steady(pipeline):
        sink = pipeline.Processors[-1][-1]
        await until(lambda: sink._producer is not None and sink._producer.ready.is_set())
        busy = True

        async def feed():
            while busy:
                if sink not in pipeline.get_throttles():
                    for _ in range(50):
                        sink.process({}, b"x" * 1000)
                await asyncio.sleep(0)

        feeding = asyncio.ensure_future(feed())
        for _ in range(3):
            await asyncio.wait_for(sink.flush(), 60)
            flushed.append(True)
        busy = False
        await feeding
        await sink.flush()
        pipeline.App.stop()

    produce(topics.servers, [b"first"], topic=topic, until=steady, source=Endless, max_batch_size=5000)
    assert len(flushed) == 3
