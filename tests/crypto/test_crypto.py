from __future__ import annotations

import hashlib
import hmac

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bspump_like import ConfigError, Pipeline, ProcessingError
from bspump_like.crypto import (
    CoHashingProcessor,
    DecryptAESProcessor,
    EncryptAESProcessor,
    FingerprintProcessor,
    HashingProcessor,
)
from bspump_like.testing import fresh_application

KEY = "2b7e151628aed2a6abf7158809cf4f3c"
MODES = [
    {},
    {"iv": "random"},
    {"mode": "gcm"},
    {"key": KEY * 2, "mode": "gcm"},
    {"iv": "000102030405060708090a0b0c0d0e0f"},
]


def test_cbc_gives_what_nist_says(make):
    # SP 800-38A, F.2.1; the first block of four, behind which padding follows here.
    part = make(EncryptAESProcessor, {"key": KEY, "iv": "000102030405060708090a0b0c0d0e0f"})
    encrypted = part.process({}, bytes.fromhex("6bc1bee22e409f96e93d7e117393172a"))
    assert encrypted[:16].hex() == "7649abac8119b246cee98e9b12e9197d"
    assert len(encrypted) == 32


@settings(max_examples=25)
@given(st.binary(max_size=100), st.sampled_from(MODES))
def test_what_is_encrypted_can_be_decrypted(data, mode):
    with fresh_application() as app:
        pipeline = Pipeline(app, "P")
        encrypted = EncryptAESProcessor(app, pipeline, config={"key": KEY, **mode}).process({}, data)
        assert DecryptAESProcessor(app, pipeline, config={"key": KEY, **mode}).process({}, encrypted) == data
        assert data not in encrypted or len(data) < 8


def test_equal_events_look_different_with_a_random_start(make):
    for mode in ({"iv": "random"}, {"mode": "gcm"}):
        part = make(EncryptAESProcessor, {"key": KEY, **mode})
        assert part.process({}, "same") != part.process({}, "same")


@pytest.mark.parametrize("data", [b"", b"short", bytes(40), bytes(48)])
def test_what_cannot_be_decrypted_fails(make, data):
    with pytest.raises(ProcessingError, match="cannot be decrypted: the key"):
        make(DecryptAESProcessor, {"key": KEY, "mode": "gcm"}).process({}, data)


def test_a_change_is_noticed(make):
    encrypted = bytearray(make(EncryptAESProcessor, {"key": KEY, "mode": "gcm"}).process({}, "pay 10"))
    encrypted[14] ^= 1
    with pytest.raises(ProcessingError, match="cannot be decrypted"):
        make(DecryptAESProcessor, {"key": KEY, "mode": "gcm"}).process({}, encrypted)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "'key' must be set"),
        ({"key": "abc"}, "'key' has a secret value: expected hexadecimal digits"),
        ({"key": "abcd"}, "expected 32, 48 or 64"),
        ({"key": KEY, "iv": "00"}, "expected 32 hexadecimal digits, or random"),
    ],
)
def test_keys_that_are_none_are_said_and_not_shown(make, config, message):
    with pytest.raises(ConfigError, match=message) as caught:
        make(EncryptAESProcessor, config)
    assert "abcd" not in str(caught.value)


def test_other_events_are_refused(make):
    with pytest.raises(ProcessingError, match="expected bytes or text to encrypt, got dict"):
        make(EncryptAESProcessor, {"key": KEY}).process({}, {})
    with pytest.raises(ProcessingError, match="expected bytes to decrypt, got str"):
        make(DecryptAESProcessor, {"key": KEY}).process({}, "x")


def test_digests_are_those_of_hashlib(make):
    assert make(HashingProcessor).process({}, "x") == hashlib.sha256(b"x").digest()
    for name in ("md5", "SHA-512", "sha3_256"):
        part = make(HashingProcessor, {"algorithm": name, "form": "hex"})
        assert part.process({}, b"x") == hashlib.new(name.lower().replace("-", ""), b"x").hexdigest()
    blake = make(HashingProcessor, {"algorithm": "blake2b", "digest_size": 20})
    assert blake.process({}, b"x") == hashlib.blake2b(b"x", digest_size=20).digest()
    shake = make(HashingProcessor, {"algorithm": "shake_128", "digest_size": 100})
    assert shake.process({}, b"x") == hashlib.shake_128(b"x").digest(100)
    fast = make(HashingProcessor, {"algorithm": "xxh3_64", "form": "int"})
    assert fast.process({}, b"") == 0x2D06800538D394C2  # the digest of nothing, as xxHash's own tests have it


def test_a_digest_beside_the_event(make):
    context = {}
    assert make(CoHashingProcessor).process(context, "x") == "x"
    assert context == {"hash": hashlib.sha256(b"x").digest()}


def test_what_cannot_be_hashed_fails(make):
    with pytest.raises(ProcessingError, match="expected bytes or text to hash, got dict"):
        make(HashingProcessor).process({}, {})
    with pytest.raises(ConfigError, match="no such hash function; did you mean 'sha256'"):
        make(HashingProcessor, {"algorithm": "sha257"})


def test_a_fingerprint_depends_on_content_not_on_order(make):
    part = make(FingerprintProcessor)
    one, two = part.process({}, {"a": 1, "b": [2]}), part.process({}, {"b": [2], "a": 1})
    assert one["fingerprint"] == two["fingerprint"] == hashlib.sha256(b'{"a":1,"b":[2]}').hexdigest()
    assert part.process({}, dict(one))["fingerprint"] == one["fingerprint"]
    assert part.process({}, {"a": 2, "b": [2]})["fingerprint"] != one["fingerprint"]


def test_a_fingerprint_of_some_fields_may_be_keyed(make):
    config = {"fields": "a", "target": "_id", "key": "s3cret", "form": "base64"}
    event = make(FingerprintProcessor, config).process({}, {"a": "x", "b": 1})
    digest = hmac.digest(b"s3cret", orjson.dumps({"a": "x"}), "sha256")
    assert event["_id"] == make(FingerprintProcessor, config)._form(digest)
    with pytest.raises(ConfigError, match="xxh3_64 cannot be keyed"):
        make(FingerprintProcessor, {**config, "algorithm": "xxh3_64"})
    with pytest.raises(ProcessingError, match="the event cannot be hashed"):
        make(FingerprintProcessor).process({}, {"a": object()})
