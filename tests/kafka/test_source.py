"""KafkaSource against a real broker: what it reads, from where, and what it leaves behind."""

from __future__ import annotations

import asyncio
import datetime

import aiokafka
import pytest

from bspump_like import ConfigError
from bspump_like.kafka import KafkaKeyFilter, KafkaSource
from bspump_like.testing import CollectSink
from tests.kafka.pumps import collected, connected, consume, contexts
from tests.kafka.topics import eventually
from tests.pumping import until

pytestmark = pytest.mark.service


def numbers(count, start=0):
    return [b"%d" % number for number in range(start, start + count)]


def seen(count):
    """Return what waits until so many events have come out."""
    return lambda pipeline: until(lambda: pipeline.counters.events_out + pipeline.counters.dropped >= count)


def test_reads_all_partitions_and_commits_behind_the_last_message(topics):
    topic = topics.create(partitions=3)
    topics.produce(topic, numbers(500))
    pipeline = consume(topics.servers, until=seen(500), topic=topic, group_id=topic)
    assert sorted(collected(pipeline)) == sorted(numbers(500))
    assert sum(topics.committed(topic, topic).values()) == 500


def test_context_holds_the_record_under_the_names_of_both_releases(topics):
    topic = topics.create()
    topics.produce(topic, [b"v"], key=b"k", headers=[("h", b"1")], timestamp_ms=1_700_000_000_000)
    context = contexts(consume(topics.servers, until=seen(1), topic=topic, group_id=topic))[0]
    record = context["kafka"]
    assert (record.key, record.topic, record.partition, record.offset) == (b"k", topic, 0, 0)
    assert (record.timestamp, list(record.headers)) == (1_700_000_000_000, [("h", b"1")])
    assert (context["kafka_key"], list(context["kafka_headers"])) == (b"k", [("h", b"1")])
    assert (context["_kafka_topic"], context["_kafka_partition"], context["_kafka_offset"]) == (topic, 0, 0)


def test_clean_stop_repeats_nothing_and_loses_nothing(topics):
    topic = topics.create(partitions=2)
    topics.produce(topic, numbers(300))
    first = collected(consume(topics.servers, until=seen(100), topic=topic, group_id=topic, event_block_size=10))
    topics.produce(topic, numbers(50, 300))
    second = collected(consume(topics.servers, until=seen(350 - len(first)), topic=topic, group_id=topic))
    assert sorted(first + second) == sorted(numbers(350))


def test_without_a_group_the_store_says_where_to_resume(topics, tmp_path):
    topic, store = topics.create(partitions=2), str(tmp_path / "store.db")
    topics.produce(topic, numbers(100))
    first = collected(consume(topics.servers, until=seen(100), topic=topic, store=store))
    topics.produce(topic, numbers(10, 100))
    second = collected(consume(topics.servers, until=seen(10), topic=topic, store=store))
    assert sorted(first) == sorted(numbers(100))
    assert sorted(second) == sorted(numbers(10, 100))


def test_several_topics_and_patterns_together(topics):
    names = [topics.create(short) for short in ("logs-a", "logs-b", "plain", "other")]
    for name in names:
        topics.produce(name, [name.encode()])
    pattern = f"^logs-.-{topics.prefix}$"
    found = collected(consume(topics.servers, until=seen(3), topic=f"{pattern},{names[2]}", group_id=topics.name("g")))
    assert sorted(found) == sorted(name.encode() for name in names[:3])


def test_pattern_finds_a_topic_that_is_created_later(topics):
    topics.produce(topics.create("logs-a"), [b"a"])

    async def later(pipeline):
        await until(lambda: pipeline.counters.events_out == 1)
        await topics.acreate(topics.name("logs-b"))
        await topics.aproduce(topics.name("logs-b"), [b"b"])
        await until(lambda: pipeline.counters.events_out == 2)

    pattern = f"^logs-.-{topics.prefix}$"
    pipeline = consume(topics.servers, until=later, topic=pattern, group_id=topics.name("g"), metadata_max_age_ms=200)
    assert collected(pipeline) == [b"a", b"b"]


def test_explicit_partitions(topics):
    topic = topics.create(partitions=3)
    for partition in range(3):
        topics.produce(topic, [b"%d" % partition], partition=partition)
    assert collected(consume(topics.servers, until=seen(1), topic=f"{topic}:1")) == [b"1"]
    found = collected(consume(topics.servers, until=seen(2), topic=topic, user_defined_partitions=[0, 2]))
    assert sorted(found) == [b"0", b"2"]


def test_latest_begins_behind_what_is_there_and_stays_there_over_a_crash(topics, tmp_path):
    topic, store = topics.create(), str(tmp_path / "store.db")
    topics.produce(topic, numbers(5))
    options = {"topic": topic, "group_id": topic, "auto_offset_reset": "latest"}

    async def placed(pipeline):
        await eventually(lambda: topics.acommitted(topic, topic))

    consume(topics.servers, until=placed, store=store, **options)
    topics.produce(topic, numbers(5, 5))  # while nobody listens: not to be skipped
    assert collected(consume(topics.servers, until=seen(5), store=store, **options)) == numbers(5, 5)


def test_start_at_a_time(topics):
    topic = topics.create()
    moments = [datetime.datetime(2026, 1, day, tzinfo=datetime.UTC) for day in range(1, 6)]
    for moment in moments:
        topics.produce(topic, [moment.isoformat().encode()], timestamp_ms=int(moment.timestamp() * 1000))
    found = collected(
        consume(topics.servers, until=seen(3), topic=topic, group_id=topic, start_at="2026-01-03T00:00:00Z")
    )
    assert found == [moment.isoformat().encode() for moment in moments[2:]]


def test_tombstone_arrives_with_its_key(topics):
    topic = topics.create(cleanup_policy="compact")
    topics.produce(topic, [None], key=b"gone")
    pipeline = consume(topics.servers, until=seen(1), topic=topic, group_id=topic)
    assert collected(pipeline) == [None]
    assert contexts(pipeline)[0]["kafka_key"] == b"gone"


def test_key_filter_lets_through_only_its_keys(topics):
    topic = topics.create()
    for key in (b"a", b"b", None, b"c"):
        topics.produce(topic, [b"of %s" % (key or b"none")], key=key)
    for keys in (["a", b"c"], {b"a", b"c"}):
        pipeline = consume(
            topics.servers,
            lambda app, pipeline, keys=keys: KafkaKeyFilter(app, pipeline, keys),
            until=seen(4),
            topic=topic,
        )
        assert collected(pipeline) == [b"of a", b"of c"]


def test_aborted_messages_are_left_out(topics):
    topic = topics.create()

    async def transactions():
        async with aiokafka.AIOKafkaProducer(bootstrap_servers=topics.servers, transactional_id=topic) as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"aborted")
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait(topic, b"committed")

    asyncio.run(transactions())
    assert collected(consume(topics.servers, until=seen(1), topic=topic, group_id=topic)) == [b"committed"]


class SlowSink(CollectSink):
    """Takes some events, then throttles until the test has seen enough."""

    def process(self, context, event):
        super().process(context, event)
        if len(self.events) == 10:
            self.Pipeline.throttle(self)


def test_backpressure_pauses_partitions_and_keeps_the_place_in_the_group(topics):
    topic = topics.create(partitions=2)
    topics.produce(topic, numbers(200))
    limits = {"max_poll_interval_ms": 300, "session_timeout_ms": 60_000, "heartbeat_interval_ms": 300}

    async def throttled(pipeline):
        source, sink = pipeline.Sources[0], pipeline.Processors[-1][-1]
        await until(lambda: sink in pipeline.get_throttles())
        client = source._consumer._client
        moves = source._consumer._assignments
        await asyncio.sleep(1.5)  # much longer than max_poll_interval_ms
        assert client.paused() == client.assignment() != set()
        assert source._consumer._assignments == moves
        pipeline.throttle(sink, False)
        await until(lambda: len(sink.events) == 200)
        assert source._consumer._assignments == moves, "the group went on without us"
        assert not client.paused()

    pipeline = consume(
        topics.servers, until=throttled, sink=SlowSink, topic=topic, group_id=topic, event_block_size=10, **limits
    )
    assert sorted(collected(pipeline)) == sorted(numbers(200))


def test_stall_is_said_and_the_client_rebuilt(topics, caplog):
    topic = topics.create()
    topics.produce(topic, numbers(5))

    async def silenced(pipeline):
        await until(lambda: pipeline.counters.events_out == 5)
        first = pipeline.Sources[0]._consumer
        first._client.pause(*first._client.assignment())  # as a client that has fallen silent
        await topics.aproduce(topic, numbers(5, 5))
        await until(lambda: pipeline.counters.events_out == 10)
        assert pipeline.Sources[0]._consumer is not first

    pipeline = consume(topics.servers, until=silenced, topic=topic, group_id=topic, stall_timeout=1)
    assert collected(pipeline) == numbers(10)
    assert "no message for 1 s, though there are some" in caplog.text


def test_lag_is_a_gauge_of_each_partition(topics):
    topic = topics.create(partitions=2)
    topics.produce(topic, numbers(30), partition=0)
    topics.produce(topic, numbers(12), partition=1)
    found = {}

    async def measured(pipeline):
        service = pipeline.App.get_service("asab.MetricsService")
        await until(lambda: pipeline.counters.events_out >= 10)
        await until(lambda: pipeline.Sources[0]._consumer is not None)

        async def lags():
            pipeline.App.PubSub.publish("Metrics.flush!")
            await until(lambda: not pipeline.Sources[0]._gauge._measuring)
            return {
                (field["tags"]["topic"], field["tags"]["partition"]): field["values"]["lag"]
                for metric in service.Storage.Metrics
                if metric["name"] == "bspump.kafka.lag"
                for field in metric["fieldset"]
            }

        sink = pipeline.Processors[-1][-1]
        found["behind"] = await lags()
        pipeline.throttle(sink, False)
        await until(lambda: len(sink.events) == 42)
        found["read"] = await lags()
        found["shown"] = pipeline.Sources[0].rest_get()["Lag"]

    consume(topics.servers, until=measured, sink=SlowSink, topic=topic, group_id=topic, event_block_size=10)
    assert set(found["behind"]) == {(topic, "0"), (topic, "1")}
    assert 0 < sum(found["behind"].values()) <= 32
    assert found["read"] == {(topic, "0"): 0, (topic, "1"): 0}
    assert found["shown"] == {f"{topic}:0": 0, f"{topic}:1": 0}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"topic": "a:1", "group_id": "g"}, "names partitions and a group"),
        ({"topic": "^a("}, "is no regular expression"),
        ({"topic": "a", "gruop_id": "g"}, "group_id"),
        ({"topic": "a", "refresh_topics": 1}, "it has no equal here"),
        ({"topic": "a", "start_at": "yesterday"}, "expected a time such as"),
        ({}, "topic"),
    ],
)
def test_a_mistake_in_the_options_is_one_sentence(config, words):
    from bspump_like import Pipeline
    from bspump_like.testing import fresh_application

    with fresh_application() as app:
        connected(app, "nowhere:9092")
        with pytest.raises(ConfigError, match=words):
            KafkaSource(app, Pipeline(app, "P"), "Kafka", config=config)
