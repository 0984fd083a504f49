"""Which worker reads which partition, where no group divides them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bspump_like import Pipeline
from bspump_like.common import GroupByAggregator, InternalSource
from bspump_like.kafka import KafkaConnection, KafkaSource
from bspump_like.testing import CollectSink, fresh_application


@pytest.fixture(scope="module")
def source():
    with fresh_application() as app:
        app.pump_service.add_connection(KafkaConnection(app, "Kafka"))
        yield KafkaSource(app, Pipeline(app, "P"), "Kafka", config={"topic": "a,b"})


@given(st.text("abc:-._", min_size=1), st.integers(0, 10_000), st.integers(1, 64))
def test_each_partition_belongs_to_one_worker(source, topic, number, count):
    assert sum(source.belongs_to(f"{topic}:{number}", (index, count)) for index in range(count)) == 1


@given(st.text("abc", min_size=1), st.integers(1, 16), st.integers(1, 16))
def test_partitions_of_a_topic_are_spread_evenly(source, topic, rounds, count):
    shares = [
        sum(source.belongs_to(f"{topic}:{number}", (index, count)) for number in range(rounds * count))
        for index in range(count)
    ]
    assert shares == [rounds] * count


def test_positions_are_ours_where_a_pipeline_behind_has_state():
    with fresh_application() as app:
        app.pump_service.add_connection(KafkaConnection(app, "Kafka"))
        first, second = Pipeline(app, "P"), Pipeline(app, "Q")
        source = KafkaSource(app, first, "Kafka", config={"topic": "a", "group_id": "g"})
        first.build(source, CollectSink(app, first))
        group = GroupByAggregator(app, second, config={"figures": {"n": "count"}})
        second.build(InternalSource(app, second), group, CollectSink(app, second))
        assert not source.keeps_positions
        app.pump_service.connect(first, second)
        assert source.keeps_positions
