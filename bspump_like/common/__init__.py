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
from .base64 import Base64DecodeProcessor, Base64EncodeProcessor
from .bytes import BytesToStringParser, HexlifyProcessor, StringToBytesParser, UnhexlifyProcessor
from .compress import CompressProcessor, DecompressProcessor
from .csv import CSVDumperProcessor, CSVParserProcessor
from .deduplicate import DeduplicateProcessor
from .delay import DelayProcessor
from .derive import DeriveProcessor
from .divert import DivertProcessor
from .enricher import AsyncLookupEnricher, LookupEnricher
from .filter import FilterProcessor
from .flatten import FlattenDictProcessor
from .grok import GrokParserProcessor
from .group import GroupByAggregator
from .internal import DirectSource, InternalSource
from .internal_sink import InternalSink
from .iterator import IteratorGenerator, IteratorSource
from .join import JoinGenerator
from .json import (
    CySimdJsonParser,
    DictToJsonBytesParser,
    JSONDumperProcessor,
    JSONParserProcessor,
    StdDictToJsonParser,
    StdJsonToDictParser,
)
from .key_value import KeyValueParserProcessor
from .log import LogProcessor
from .mapping import (
    MappingItemsGenerator,
    MappingItemsProcessor,
    MappingKeysGenerator,
    MappingKeysProcessor,
    MappingValuesGenerator,
    MappingValuesProcessor,
)
from .msgpack import MsgPackDumperProcessor, MsgPackParserProcessor
from .multi_line import MultiLineAggregator
from .null import NullSink
from .pattern import PatternParserProcessor
from .print import (
    PPrintContextProcessor,
    PPrintProcessor,
    PPrintSink,
    PrintContextProcessor,
    PrintProcessor,
    PrintSink,
)
from .rate import RateLimit
from .router import RouterMixIn, RouterProcessor, RouterSink
from .select import SelectProcessor
from .split import SplitGenerator
from .switch import SwitchProcessor, SwitchSink
from .syslog import SyslogParserProcessor
from .table import TableSink
from .tee import TeeProcessor, TeeSource
from .text_parser import TextParser
from .time import TimeZoneNormalizer
from .transform import MappingTransformator
from .types import CastProcessor
from .unarchive import UnarchiveGenerator
from .validate import ValidateProcessor
from .xml import XMLDumperProcessor, XMLParserProcessor

__all__ = [
    "AggregationStrategy", "Aggregator", "AsyncLookupEnricher", "Base64DecodeProcessor", "Base64EncodeProcessor",
    "BytesToStringParser", "CSVDumperProcessor", "CSVParserProcessor", "CastProcessor", "CompressProcessor",
    "CySimdJsonParser", "DecompressProcessor", "DeduplicateProcessor", "DelayProcessor", "DeriveProcessor",
    "DictToJsonBytesParser", "DirectSource", "DivertProcessor", "FilterProcessor", "FlattenDictProcessor",
    "GrokParserProcessor", "GroupByAggregator", "HexlifyProcessor", "InternalSink", "InternalSource",
    "IteratorGenerator", "IteratorSource", "JSONDumperProcessor", "JSONParserProcessor", "JoinGenerator",
    "KeyValueParserProcessor", "ListAggregationStrategy", "ListEventAggregationStrategy", "LogProcessor",
    "LookupEnricher", "MappingItemsGenerator", "MappingItemsProcessor", "MappingKeysGenerator",
    "MappingKeysProcessor", "MappingTransformator", "MappingValuesGenerator", "MappingValuesProcessor",
    "MsgPackDumperProcessor", "MsgPackParserProcessor", "MultiLineAggregator", "NullSink", "PPrintContextProcessor",
    "PPrintProcessor", "PPrintSink", "PatternParserProcessor", "PrintContextProcessor", "PrintProcessor",
    "PrintSink", "RateLimit", "RouterMixIn", "RouterProcessor", "RouterSink", "SelectProcessor", "SplitGenerator",
    "StdDictToJsonParser", "StdJsonToDictParser", "StringAggregationStrategy", "StringToBytesParser",
    "SwitchProcessor", "SwitchSink", "SyslogParserProcessor", "TableSink", "TeeProcessor", "TeeSource",
    "TextParser", "TimeZoneNormalizer", "UnarchiveGenerator", "UnhexlifyProcessor", "ValidateProcessor",
    "XMLDumperProcessor", "XMLParserProcessor",
]  # fmt: skip
