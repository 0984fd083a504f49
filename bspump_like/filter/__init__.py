"""Filters of BSPump: fields by a lookup, events by a query, events by their age. See also `FilterProcessor`."""

from .attribute import AttributeFilter
from .content import ContentFilter
from .drift import TimeDriftFilter

__all__ = ["AttributeFilter", "ContentFilter", "TimeDriftFilter"]
