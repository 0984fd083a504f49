"""Parts without a server: parsing, converting, filtering, enriching, grouping, routing, printing.

One operator per file: the folder listing is the catalogue.
"""

from .aggregator import (
    AggregationStrategy,
    Aggregator,
    ListAggregationStrategy,
    ListEventAggregationStrategy,
    StringAggregationStrategy,
)
from .bytes import BytesToStringParser, HexlifyProcessor, StringToBytesParser
from .derive import DeriveProcessor
from .divert import DivertProcessor
from .enricher import AsyncLookupEnricher, LookupEnricher
from .filter import FilterProcessor
from .flatten import FlattenDictProcessor
from .group import GroupByAggregator
from .internal import DirectSource, InternalSource
from .internal_sink import InternalSink
from .iterator import IteratorGenerator, IteratorSource
from .json import (
    CySimdJsonParser,
    DictToJsonBytesParser,
    JSONDumperProcessor,
    JSONParserProcessor,
    StdDictToJsonParser,
    StdJsonToDictParser,
)
from .mapping import (
    MappingItemsGenerator,
    MappingItemsProcessor,
    MappingKeysGenerator,
    MappingKeysProcessor,
    MappingValuesGenerator,
    MappingValuesProcessor,
)
from .null import NullSink
from .print import (
    PPrintContextProcessor,
    PPrintProcessor,
    PPrintSink,
    PrintContextProcessor,
    PrintProcessor,
    PrintSink,
)
from .router import RouterMixIn, RouterProcessor, RouterSink
from .select import SelectProcessor
from .switch import SwitchProcessor, SwitchSink
from .table import TableSink
from .tee import TeeProcessor, TeeSource
from .time import TimeZoneNormalizer
from .transform import MappingTransformator
from .types import CastProcessor

__all__ = [
    "AggregationStrategy", "Aggregator", "AsyncLookupEnricher", "BytesToStringParser", "CastProcessor",
    "CySimdJsonParser", "DeriveProcessor", "DictToJsonBytesParser", "DirectSource", "DivertProcessor",
    "FilterProcessor", "FlattenDictProcessor", "GroupByAggregator", "HexlifyProcessor", "InternalSink",
    "InternalSource", "IteratorGenerator", "IteratorSource", "JSONDumperProcessor", "JSONParserProcessor",
    "ListAggregationStrategy", "ListEventAggregationStrategy", "LookupEnricher", "MappingItemsGenerator",
    "MappingItemsProcessor", "MappingKeysGenerator", "MappingKeysProcessor", "MappingTransformator",
    "MappingValuesGenerator", "MappingValuesProcessor", "NullSink", "PPrintContextProcessor", "PPrintProcessor",
    "PPrintSink", "PrintContextProcessor", "PrintProcessor", "PrintSink", "RouterMixIn", "RouterProcessor",
    "RouterSink", "SelectProcessor", "StdDictToJsonParser", "StdJsonToDictParser", "StringAggregationStrategy",
    "StringToBytesParser", "SwitchProcessor", "SwitchSink", "TableSink", "TeeProcessor", "TeeSource",
    "TimeZoneNormalizer",
]  # fmt: skip
