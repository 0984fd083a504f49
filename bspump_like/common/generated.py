"""What generates the functions of declared operators; it stands with the expressions, which are generated, too."""

from __future__ import annotations

from ..expression.generated import Scope, generate

__all__ = ["Scope", "generate"]
