"""Mistakes in the way to a cluster: one clear sentence each, within seconds, and then it is tried again."""

from __future__ import annotations

import asyncio

import pytest

from bspump_like import ConfigError
from bspump_like.errors import ConnectionLost
from bspump_like.kafka import KafkaConnection, KafkaSink, KafkaTopicInitializer
from bspump_like.testing import fresh_application
from tests.kafka.pumps import collected, connected, consume, produce
from tests.kafka.topics import eventually
from tests.ports import free_port
from tests.pumping import until

pytestmark = pytest.mark.service


@pytest.fixture
def mistakes(kafka):
    """Return case -> (options of the connection, words that the sentence must have)."""
    closed = f"127.0.0.1:{free_port()}"
    record = kafka.record
    login = {"sasl_mechanism": "PLAIN", "sasl_username": record["user"]}
    return {
        "wrong port": ({"bootstrap_servers": closed}, ["cannot connect", closed, "bootstrap_servers"]),
        "unknown host": ({"bootstrap_servers": "no.such.host.invalid:9092"}, ["cannot connect", "no.such.host.invalid"]),
        "bad password": (
            {"bootstrap_servers": record["sasl"], **login, "sasl_password": "wrong"}, ["sasl_password", record["sasl"]],
        ),
        "no credentials": ({"bootstrap_servers": record["sasl"]}, ["cannot connect", record["sasl"], "security_protocol"]),
        "plain text to a TLS port": ({"bootstrap_servers": record["ssl"]}, ["cannot connect", "security_protocol"]),
        "TLS to a plain port": (
            {"bootstrap_servers": kafka.url, "tls": True, "tls_ca_file": record["ca"]}, ["cannot connect", "TLS"],
        ),
        "unknown authority": ({"bootstrap_servers": record["ssl"], "tls": True}, ["certificate", "tls_ca_file"]),
    }  # fmt: skip


CASES = [
    "wrong port", "unknown host", "bad password", "no credentials", "plain text to a TLS port", "TLS to a plain port",
    "unknown authority",
]  # fmt: skip


def warnings(caplog, name):
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and name in record.getMessage()
    ]


def assert_one_sentence(caplog, name, words):
    said = warnings(caplog, name)
    assert len(said) == 1, said
    assert "\n" not in said[0]
    for word in words:
        assert word in said[0], said[0]
    assert not [record for record in caplog.records if record.exc_info]
    assert not [record for record in caplog.records if record.name.startswith("aiokafka")]


@pytest.mark.parametrize("case", CASES)
def test_source_says_what_is_wrong_once(mistakes, case, caplog):
    options, words = mistakes[case]

    async def said(pipeline):
        await until(lambda: "unavailable" in pipeline.state())
        first = pipeline.Sources[0]._consumer
        await until(lambda: pipeline.Sources[0]._consumer not in (None, first))  # it is tried again
        await until(lambda: pipeline.Sources[0]._consumer is None or "unavailable" in pipeline.state())
        await asyncio.sleep(0.3)  # the second try fails too, and is not said again

    consume("", until=said, connection=options, topic="any", group_id="g")
    assert_one_sentence(caplog, "P.*KafkaSource", words)


@pytest.mark.parametrize("case", CASES)
def test_sink_says_what_is_wrong_once(mistakes, case, caplog):
    options, words = mistakes[case]

    async def said(pipeline):
        await until(lambda: "unavailable" in pipeline.state())
        await asyncio.sleep(0.5)
        pipeline.App.stop()
        pipeline.App.stop()  # at once: what is left cannot be delivered

    produce("", [b"1"], connection=options, topic="any", until=said)
    assert_one_sentence(caplog, "P.KafkaSink", words)


@pytest.mark.parametrize("kind", ["sasl", "ssl"])
def test_credentials_and_tls_that_are_right(topics, kafka, kind):
    topic, record = topics.create(), kafka.record
    connection = {
        "sasl": {"sasl_mechanism": "PLAIN", "sasl_username": record["user"], "sasl_password": record["password"]},
        "ssl": {"security_protocol": "SSL", "tls_ca_file": record["ca"]},
    }[kind]
    connection["bootstrap_servers"] = record[kind]
    produce("", [b"1", b"2"], topic=topic, connection=connection)
    found = consume(
        "", until=lambda pipeline: until(lambda: pipeline.counters.events_out == 2), topic=topic, group_id=topic,
        connection=connection,
    )  # fmt: skip
    assert collected(found) == [b"1", b"2"]


def test_source_waits_for_a_topic_that_is_missing(topics, caplog):
    topic = topics.name("late")
    topics.create("latest-news")

    async def then_created(pipeline):
        await until(lambda: "unavailable" in pipeline.state())
        await topics.acreate(topic)
        await topics.aproduce(topic, [b"1"])
        await until(lambda: pipeline.counters.events_out == 1)
        assert pipeline.state() == "running"

    pipeline = consume(topics.servers, until=then_created, topic=topic, group_id=topic)
    assert collected(pipeline) == [b"1"]
    assert_one_sentence(caplog, "P.*KafkaSource", [f"has no topic '{topic}'", "did you mean"])


def test_sink_keeps_messages_for_a_topic_that_is_missing(topics, caplog):
    topic = topics.name("late")

    async def then_created(pipeline):
        await until(lambda: "unavailable" in pipeline.state())
        assert topic in pipeline.state()
        await topics.acreate(topic)

    produce(topics.servers, [b"1", b"2"], topic=topic, until=then_created)
    assert topics.values(topic) == [b"1", b"2"]
    assert_one_sentence(caplog, "P.KafkaSink", [f"for topic '{topic}'", "there is no such topic"])


def test_a_broker_that_comes_back_is_used_again(topics, kafka, caplog):
    """Restarted under a running pump: nothing is lost, nothing comes twice, the outage is said."""
    topic, target = topics.create(partitions=2), topics.create("out", partitions=2)
    topics.produce(topic, [b"%d" % number for number in range(1000)])

    async def restarted(pipeline):
        await until(lambda: pipeline.counters.events_out >= 300)
        await asyncio.to_thread(kafka.kill)
        await asyncio.to_thread(kafka.start)
        while True:
            try:
                await topics.aproduce(topic, [b"%d" % number for number in range(1000, 2000)])
                break
            except OSError:
                await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 120
        while pipeline.counters.events_out < 2000:
            assert loop.time() < deadline, pipeline.state()
            await asyncio.sleep(0.05)
        await pipeline.committer.commit()

    try:
        consume(
            topics.servers, until=restarted, topic=topic, group_id=topic, event_block_size=50, timeout=180,
            pipeline={"max_in_flight": 200},
            sink=lambda app, pipeline: KafkaSink(app, pipeline, "Kafka", config={"topic": target}),
        )  # fmt: skip
    finally:
        kafka.start()
    values = list(map(int, topics.values(target)))
    assert set(values) == set(range(2000))
    assert len(values) == 2000


async def becomes(pipeline, right):
    async def is_right():
        return right(pipeline.state())

    await eventually(is_right)


def test_an_outage_is_said_by_source_and_sink(topics, kafka, caplog):
    """A broker that freezes: sockets stay open, nobody answers."""
    topic, target = topics.create(), topics.create("out")

    async def frozen(pipeline):
        await topics.aproduce(topic, [b"1"])
        await until(lambda: pipeline.counters.events_out == 1)
        await pipeline.committer.commit()
        kafka.pause()
        try:
            sending = asyncio.ensure_future(pipeline.process(b"2"))
            await becomes(pipeline, lambda state: "KafkaSource: " in state and "KafkaSink: " in state)
        finally:
            kafka.resume()
        await sending
        await becomes(pipeline, lambda state: state == "running")

    try:
        consume(
            topics.servers, until=frozen, topic=topic, group_id=topic, timeout=180,
            sink=lambda app, pipeline: KafkaSink(app, pipeline, "Kafka", config={"topic": target}),
        )  # fmt: skip
    finally:
        kafka.resume()
    assert set(topics.values(target)) == {b"1", b"2"}
    assert len(warnings(caplog, "P.*KafkaSource: cannot connect to Kafka")) == 1
    assert len(warnings(caplog, "P.KafkaSink: cannot connect to Kafka")) == 1


def initialized(servers, **arguments):
    """Create topics with a KafkaTopicInitializer; return the names it has created."""
    with fresh_application() as app:
        connected(app, servers)
        initializer = KafkaTopicInitializer(app, "Kafka")
        initializer.include_topics(**arguments)
        return app.Loop.run_until_complete(initializer.check_and_initialize())


def test_topics_are_created_once(topics, tmp_path):
    name = topics.name("made")
    wanted = [{"name": name, "num_partitions": 3, "config": {"cleanup.policy": "compact"}}]
    assert initialized(topics.servers, topic_config=wanted) == [name]
    assert initialized(topics.servers, topic_config=wanted) == []
    topics.produce(name, [b"1"], key=b"k", partition=2)
    assert [message.partition for message in topics.read(name)] == [2]
    file = tmp_path / "topics.yaml"
    file.write_text(f"- name: {name}\n- name: {name}-2\n  num_partitions: 2\n")
    assert initialized(topics.servers, config_file=str(file)) == [f"{name}-2"]


def test_a_topic_that_the_cluster_refuses_is_said(topics):
    from bspump_like.errors import BSPumpError

    with pytest.raises(BSPumpError, match=r"(?i)does not create topic.*replication"):
        initialized(topics.servers, topic_config={"name": topics.name("copies"), "replication_factor": 99})


def test_initializer_says_that_it_cannot_connect():
    with pytest.raises(ConnectionLost, match="cannot connect to Kafka at 127.0.0.1:1"):
        initialized("127.0.0.1:1", topic_config={"name": "x"})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"bootstrap_server": "x"}, "bootstrap_servers"),
        ({"compression_type": "rar"}, "gzip"),
        ({"sasl_mechanism": "MAGIC"}, "PLAIN"),
        ({"connect_timeout": -1}, "connect_timeout"),
    ],
)
def test_a_mistake_in_the_options_of_a_connection_is_one_sentence(config, words):
    with fresh_application() as app, pytest.raises(ConfigError, match=words):
        KafkaConnection(app, "Kafka", config)
