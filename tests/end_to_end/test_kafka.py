"""What happens to Kafka: brokers die, freeze, lose their lead, lose a topic; the network to them is cut."""

from __future__ import annotations

import pytest

from tests.end_to_end.harness import DIES, Route, delete_topic, for_seconds, moving, stored, wait_for
from tests.end_to_end.servers import Cut
from tools.services.kafka import KafkaCluster

pytestmark = pytest.mark.service


def test_the_broker_stops_and_starts(route, broker, make, scale):
    pump = make(route.definition(**DIES))
    pump.start()
    ends = scale.pick([broker.kill], [broker.kill, broker.stop] * 5)
    for end in ends:
        route.fill(route.count // (len(ends) + 1))  # so that there is work under way when it ends
        moving(pump, route.count // 50)
        end()
        for_seconds(scale.pick(1, 20), pump)
        broker.start()
    route.fill()
    route.finish("the broker ended and came back", pump)


def test_the_broker_freezes(route, broker, make, scale):
    """Its group, too, is over when it wakes: the session is shorter."""
    pump = make(route.definition(**DIES))
    route.fill(route.count // 2)
    pump.start()
    moving(pump, route.count // 50)
    broker.pause()
    for_seconds(scale.pick(3, 90), pump)
    broker.resume()
    route.fill()
    route.finish("the broker froze", pump)


def test_the_network_to_the_broker_is_cut(route, broker, make, scale):
    ports = broker.record["ports"]
    with Cut(ports["cut"], ports["through"]) as network:
        pump = make(route.definition(kafka=f"127.0.0.1:{network.port}", **DIES))
        route.fill(route.count // 2)
        pump.start()
        moving(pump, route.count // 50)
        network.cut()
        route.fill(route.count // 4)
        for_seconds(scale.pick(3, 90), pump)
        network.mend()
        moving(pump, route.count // 50)
        network.reset()
        route.fill()
        route.finish("the network to Kafka was cut", pump)


@pytest.fixture
def copies(kafka_cluster: KafkaCluster, node, scale):
    route = Route(kafka_cluster.url, node.url, scale.pick(8_000, 200_000), copies=3)
    yield route
    kafka_cluster.start()
    route.close()


def test_the_lead_moves_in_a_cluster(copies, kafka_cluster, make, scale):
    pump = make(copies.definition(session_timeout_ms=6000, heartbeat_interval_ms=1000))
    copies.fill(copies.count // 2)
    pump.start()
    for victim in kafka_cluster.nodes[: scale.pick(1, 3)]:
        copies.fill(copies.count // 20)
        moving(pump, copies.count // 50)
        victim.kill()
        copies.fill(copies.count // 10)
        moving(pump, copies.count // 50)
        victim.start()
    copies.fill()
    copies.finish("the leader of a cluster was killed", pump)


@pytest.mark.parametrize("pause", [0, 3])
def test_a_topic_is_deleted_and_made_again(route, broker, make, scale, pause):
    """Positions of the old topic mean nothing in the new one; so ids are those of the events here."""
    pump = make(route.definition(sink={"document_id": "field:n"}, metadata_max_age_ms=scale.pick(500, 60_000), **DIES))
    pump.start()
    route.fill(route.count // 4)
    wait_for("what there is has arrived", lambda: stored(pump) >= route.filled, pump)
    delete_topic(broker.url, route.topic)
    for_seconds(pause, pump)
    route.topics.create("ids", route.partitions)
    route.fill()  # more than there were before
    route.finish(f"a topic was deleted and made again after {pause} s", pump)
