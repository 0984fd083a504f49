"""The servers themselves: each serves, survives `kill -9` with its data, and is frozen and thawed."""

from __future__ import annotations

import asyncio
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
import uuid
from typing import Any

import pytest

from tools.services.influxdb import InfluxDB
from tools.services.kafka import Kafka, KafkaCluster
from tools.services.lease import Lease
from tools.services.memcached import Memcached
from tools.services.registry import SchemaRegistry
from tools.services.search import Search

pytestmark = [pytest.mark.service, pytest.mark.slow]


def call(url: str, method: str = "GET", body: object = None, raw: bytes | None = None) -> Any:
    data = json.dumps(body).encode() if body is not None else raw
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        answer = response.read()
    return json.loads(answer) if answer else None


async def create_topic(bootstrap: str, topic: str, copies: int = 1) -> None:
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=copies)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, *values: bytes, **options: Any) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", **options) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def consume(bootstrap: str, topic: str, count: int, **options: Any) -> list[bytes]:
    from aiokafka import AIOKafkaConsumer

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", **options)
    async with consumer, asyncio.timeout(60):
        return [(await consumer.getone()).value for _ in range(count)]


@pytest.mark.asyncio
async def test_kafka_keeps_what_was_produced_over_a_kill(kafka: Kafka) -> None:
    topic = f"smoke-{uuid.uuid4()}"
    await create_topic(kafka.url, topic)
    await produce(kafka.url, topic, b"one", b"two")
    port = kafka.port

    await asyncio.to_thread(kafka.kill)
    await asyncio.to_thread(kafka.start)

    assert kafka.port == port
    assert await consume(kafka.url, topic, 2, group_id=f"group-{topic}") == [b"one", b"two"]


@pytest.mark.asyncio
async def test_kafka_takes_a_password_and_tls(kafka: Kafka) -> None:
    topic, record = f"smoke-{uuid.uuid4()}", kafka.record
    await create_topic(kafka.url, topic)
    sasl = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": record["user"],
        "sasl_plain_password": record["password"],
    }
    tls = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context(cafile=record["ca"])}

    await produce(record["sasl"], topic, b"with a password", **sasl)

    assert await consume(record["ssl"], topic, 1, **tls) == [b"with a password"]


@pytest.mark.asyncio
async def test_kafka_commits_a_transaction(kafka: Kafka) -> None:
    from aiokafka import AIOKafkaProducer

    topic = f"smoke-{uuid.uuid4()}"
    await create_topic(kafka.url, topic)
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka.url, transactional_id=topic) as producer,
        producer.transaction(),
    ):
        await producer.send_and_wait(topic, b"together")

    assert await consume(kafka.url, topic, 1, isolation_level="read_committed") == [b"together"]


@pytest.mark.asyncio
async def test_kafka_cluster_takes_writes_without_one_of_three_nodes(kafka_cluster: KafkaCluster) -> None:
    topic = f"smoke-{uuid.uuid4()}"
    await create_topic(kafka_cluster.url, topic, copies=3)
    await produce(kafka_cluster.url, topic, b"three nodes")
    victim = kafka_cluster.nodes[0]

    await asyncio.to_thread(victim.kill)
    try:
        await produce(kafka_cluster.url, topic, b"two nodes")
        assert await consume(kafka_cluster.url, topic, 2) == [b"three nodes", b"two nodes"]
    finally:
        await asyncio.to_thread(victim.start)
    assert kafka_cluster.running


def test_elasticsearch_finds_what_was_indexed(elasticsearch: Search) -> None:
    check_search(elasticsearch)


def test_opensearch_finds_what_was_indexed(opensearch: Search) -> None:
    check_search(opensearch)


def check_search(server: Search) -> None:
    """That it keeps this over a kill, in each version, is proved with a pump: see tests/elasticsearch/test_faults.py."""
    index = f"{server.url}/smoke-{uuid.uuid4()}"
    call(f"{index}/_doc/1?refresh=true", "PUT", {"text": "a quick fox"})

    found = call(f"{index}/_search", "POST", {"query": {"match": {"text": "fox"}}})
    assert [hit["_source"] for hit in found["hits"]["hits"]] == [{"text": "a quick fox"}]
    nodes = call(f"{server.url}/_nodes/_local")["nodes"]
    assert [node["version"] for node in nodes.values()] == [server.version]
    call(index, "DELETE")


def test_influxdb_keeps_what_was_written_over_a_kill(influxdb: InfluxDB) -> None:
    database = f"smoke_{uuid.uuid4().hex}"
    query = urllib.parse.quote(f'CREATE DATABASE "{database}"')
    call(f"{influxdb.url}/query?q={query}", "POST", raw=b"")
    call(f"{influxdb.url}/write?db={database}", "POST", raw=b"weather,city=Prague temperature=21.5 1000000000")

    influxdb.kill()
    influxdb.start()

    query = urllib.parse.quote("SELECT temperature FROM weather")
    answer = call(f"{influxdb.url}/query?db={database}&epoch=s&q={query}")
    assert answer["results"][0]["series"][0]["values"] == [[1, 21.5]]


def test_memcached_keeps_nothing_over_a_kill_and_serves_again(memcached: Memcached) -> None:
    from pymemcache import PooledClient

    port = memcached.port
    client = PooledClient(memcached.url, timeout=5)
    client.set("smoke", b"here", noreply=False)
    assert client.get("smoke") == b"here"
    client.close()

    memcached.kill()
    memcached.start()

    assert memcached.port == port
    assert client.get("smoke") is None
    client.close()


def test_the_schema_registry_gives_back_what_it_was_given(schema_registry: SchemaRegistry) -> None:
    subject = f"{schema_registry.url}/subjects/smoke-{uuid.uuid4().hex}/versions"
    id = call(subject, "POST", {"schema": '"string"'})["id"]
    assert call(f"{schema_registry.url}/schemas/ids/{id}")["schema"] == '"string"'
    assert call(f"{subject}/latest")["id"] == id


def test_a_frozen_server_lets_clients_wait_until_it_goes_on(influxdb: InfluxDB) -> None:
    influxdb.pause()
    try:
        with pytest.raises(TimeoutError), urllib.request.urlopen(f"{influxdb.url}/ping", timeout=0.2):
            pass
    finally:
        influxdb.resume()
    influxdb.wait_ready()


def test_a_server_stays_while_another_run_uses_it(influxdb: InfluxDB) -> None:
    with Lease(influxdb):
        pass

    assert influxdb.running
