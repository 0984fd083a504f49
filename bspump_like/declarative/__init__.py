"""BSPump's declarations: YAML with tags that are functions, `!ADD [!ITEM EVENT count, 1]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .builder import Declaration, ExpressionBuilder, compile_declaration
from .error import DeclarationError
from .generator import DeclarativeGenerator
from .processor import DeclarativeProcessor

if TYPE_CHECKING:
    from .time_window import DeclarativeTimeWindowAnalyzer

__all__ = [
    "Declaration", "DeclarationError", "DeclarativeGenerator", "DeclarativeProcessor", "DeclarativeTimeWindowAnalyzer",
    "ExpressionBuilder", "compile_declaration",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import the analyzer when it is asked for: it needs numpy, which the rest does not."""
    if name == "DeclarativeTimeWindowAnalyzer":
        from .time_window import DeclarativeTimeWindowAnalyzer

        return DeclarativeTimeWindowAnalyzer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
