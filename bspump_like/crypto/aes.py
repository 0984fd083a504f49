"""AES: EncryptAESProcessor and DecryptAESProcessor.

CBC with PKCS #7 padding (NIST SP 800-38A, RFC 5652 section 6.3) is what the contract has: it hides, and does not notice changes.
GCM (NIST SP 800-38D) does both, and is what new pumps should use.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ..abc import Context, Event, Processor
from ..abc.processor import ConcurrencyOptions
from ..config import option
from ..errors import ProcessingError, needs

if TYPE_CHECKING:
    from ..application import BSPumpApplication
    from ..pipeline import Pipeline

_BLOCK = 16
_NONCE = 12


def _hex(value: Any) -> bytes:
    try:
        return bytes.fromhex(str(value))
    except ValueError:
        raise ValueError("expected hexadecimal digits") from None


def _key(value: Any) -> bytes:
    key = value if isinstance(value, bytes) else _hex(value)
    if len(key) not in (16, 24, 32):
        raise ValueError("expected 32, 48 or 64 hexadecimal digits (AES-128, -192, -256)")
    return key


def _iv(value: Any) -> bytes | None:
    if value is None or str(value) == "random":
        return None
    iv = value if isinstance(value, bytes) else _hex(value)
    if len(iv) != _BLOCK:
        raise ValueError("expected 32 hexadecimal digits, or random")
    return iv


class AESOptions(ConcurrencyOptions):
    """Key and mode."""

    key: Any = option(
        help="key as 32, 48 or 64 hexadecimal digits; keep it out of the definition", parse=_key, secret=True,
        example="${AES_KEY}",
    )  # fmt: skip
    iv: Any = option(
        "00000000000000000000000000000000",
        "for cbc: initialization vector as 32 hexadecimal digits; random: a new one for each event, put before the data",
        parse=_iv,
    )  # fmt: skip
    mode: Literal["cbc", "gcm"] = option(
        "cbc", "cbc: hides only; gcm: also notices changes, and has a new nonce for each event before the data"
    )


class CommonAESMixin:
    """What both directions have in common."""

    options: Any

    def initalize_aes(self) -> None:
        """Make the cipher from the options; the contract spells the name so.

        Raises:
            MissingDependency: The package cryptography is not installed.
        """
        with needs("crypto"):
            from cryptography import exceptions
            from cryptography.hazmat.primitives import ciphers, padding
            from cryptography.hazmat.primitives.ciphers import aead, algorithms, modes
        self._iv: bytes | None = self.options.iv
        self._gcm = aead.AESGCM(self.options.key) if self.options.mode == "gcm" else None
        self._algorithm, self._cbc, self._cipher = algorithms.AES(self.options.key), modes.CBC, ciphers.Cipher
        self._padding = padding.PKCS7(_BLOCK * 8)
        self._tampered = exceptions.InvalidTag

    def encrypt(self, data: bytes) -> bytes:
        """Return data, encrypted."""
        if self._gcm is not None:
            nonce = os.urandom(_NONCE)
            return nonce + self._gcm.encrypt(nonce, data, None)
        iv = self._iv or os.urandom(_BLOCK)
        padder = self._padding.padder()
        encryptor = self._cipher(self._algorithm, self._cbc(iv)).encryptor()
        encrypted = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
        return encrypted if self._iv else iv + encrypted

    def decrypt(self, data: bytes) -> bytes:
        """Return data, decrypted.

        Raises:
            ProcessingError: The key is another one, or the data is no such data.
        """
        try:
            return self._decrypted(data)
        except (ValueError, self._tampered) as error:
            raise ProcessingError(
                f"{len(data)} bytes cannot be decrypted: the key, the mode or the iv is another one, or they are damaged",
                detail=str(error),
            ) from error

    def _decrypted(self, data: bytes) -> bytes:
        if self._gcm is not None:
            return self._gcm.decrypt(data[:_NONCE], data[_NONCE:], None)
        iv = self._iv
        if iv is None:
            iv, data = data[:_BLOCK], data[_BLOCK:]
        decryptor = self._cipher(self._algorithm, self._cbc(iv)).decryptor()
        unpadder = self._padding.unpadder()
        return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()


class _AESProcessor(CommonAESMixin, Processor):
    class Options(AESOptions):
        """Key and mode."""

    def __init__(
        self, app: BSPumpApplication, pipeline: Pipeline, id: str | None = None, config: Mapping[str, Any] | None = None
    ) -> None:
        """See `Processor`.

        Raises:
            ConfigError: Key or iv are no hexadecimal digits, or not as many as AES takes.
            MissingDependency: The package cryptography is not installed.
        """
        Processor.__init__(self, app, pipeline, id, config)
        if self.options.key is not None:  # else the option is at fault, and what else is wrong is still looked for
            self.initalize_aes()


class EncryptAESProcessor(_AESProcessor):
    """Encrypt with AES.

    In: bytes, or text (as UTF-8). Out: bytes. Raises: ProcessingError for anything else.

    The key has no default: give it from the environment or a file. Without `mode: gcm` nobody notices when the data is
    changed on its way, and with a fixed `iv`, BSPump's default, equal beginnings stay equal.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [secret, more secret]}}
            processors:
              - class: EncryptAESProcessor
                config: {key: 2b7e151628aed2a6abf7158809cf4f3c, mode: gcm}
              - class: DecryptAESProcessor
                config: {key: 2b7e151628aed2a6abf7158809cf4f3c, mode: gcm}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the event, encrypted."""
        if isinstance(event, str):
            event = event.encode()
        if not isinstance(event, bytes | bytearray | memoryview):
            raise ProcessingError(f"expected bytes or text to encrypt, got {type(event).__name__}")
        return self.encrypt(bytes(event))


class DecryptAESProcessor(_AESProcessor):
    """Decrypt what `EncryptAESProcessor` has encrypted with the same options.

    In: bytes. Out: bytes. Raises: ProcessingError, if they cannot be decrypted. With CBC a wrong key is noticed in most
    cases, not in all.

    Example:
        pipelines:
          - id: Example
            sources:
              - {class: IteratorSource, args: {iterator: [secret]}}
            processors:
              - {class: EncryptAESProcessor, config: {key: 2b7e151628aed2a6abf7158809cf4f3c, iv: random}}
              - {class: DecryptAESProcessor, config: {key: 2b7e151628aed2a6abf7158809cf4f3c, iv: random}}
            sink: {class: PrintSink}
    """

    def process(self, context: Context, event: Event) -> Event:
        """Return the event, decrypted."""
        if not isinstance(event, bytes | bytearray | memoryview):
            raise ProcessingError(f"expected bytes to decrypt, got {type(event).__name__}")
        return self.decrypt(bytes(event))
