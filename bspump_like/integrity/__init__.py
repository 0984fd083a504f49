"""Integrity: events chained by hashes, so that whatever is changed, removed or put between them is noticed."""

from .enricher import IntegrityEnricher
from .verifier import IntegrityVerifier

__all__ = ["IntegrityEnricher", "IntegrityVerifier"]
