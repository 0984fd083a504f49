"""Encrypting, decrypting and hashing."""

from .aes import CommonAESMixin, DecryptAESProcessor, EncryptAESProcessor
from .fingerprint import FingerprintProcessor
from .hashing import CoHashingProcessor, HashingBaseProcessor, HashingProcessor

__all__ = [
    "CoHashingProcessor", "CommonAESMixin", "DecryptAESProcessor", "EncryptAESProcessor", "FingerprintProcessor",
    "HashingBaseProcessor", "HashingProcessor",
]  # fmt: skip
