"""Avro: container files as source and sink, and events to and from Avro bytes."""

from .deserializer import AvroDeserializer
from .serializer import AvroSerializer
from .sink import AvroSink
from .source import AvroSource

__all__ = ["AvroDeserializer", "AvroSerializer", "AvroSink", "AvroSource"]
