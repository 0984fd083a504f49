"""BSPump's declarations: YAML with tags that are functions, `!ADD [!ITEM EVENT count, 1]`."""

from .builder import Declaration, ExpressionBuilder, compile_declaration
from .error import DeclarationError
from .generator import DeclarativeGenerator
from .processor import DeclarativeProcessor

__all__ = [
    "Declaration", "DeclarationError", "DeclarativeGenerator", "DeclarativeProcessor", "ExpressionBuilder",
    "compile_declaration",
]  # fmt: skip
