"""Apache Kafka: consume, produce, filter by key, create topics; values by schemas of a registry."""

from .connection import KafkaConnection
from .filter import KafkaKeyFilter
from .registry import SchemaRegistryConnection
from .schema import SchemaDecoder, SchemaEncoder
from .sink import KafkaBatchSink, KafkaSink
from .source import KafkaSource
from .topics import KafkaTopicInitializer

__all__ = [
    "KafkaBatchSink", "KafkaConnection", "KafkaKeyFilter", "KafkaSink", "KafkaSource", "KafkaTopicInitializer",
    "SchemaDecoder", "SchemaEncoder", "SchemaRegistryConnection",
]  # fmt: skip
