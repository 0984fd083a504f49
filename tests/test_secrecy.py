from __future__ import annotations

import gc
import logging

import pytest

from bspump_like.builder import PumpBuilder
from bspump_like.errors import ProcessingError
from bspump_like.secrecy import Secrets, redact
from bspump_like.testing import run_pump


def test_a_secret_becomes_stars_and_a_longer_one_first() -> None:
    assert redact("hunter22 and hunter, a", {"hunter", "hunter22", "a"}) == "*** and ***, a"


def test_what_is_shown_as_json_is_redacted_in_all_its_texts() -> None:
    secrets = Secrets()
    secrets.add({"hunter22"})
    try:
        shown = secrets.redact_all(
            {"a": ["x hunter22", 1, None, True], "b": {"c": ("hunter22",)}, "d": ProcessingError("hunter22")}
        )
    finally:
        secrets.close()

    assert shown == {"a": ["x ***", 1, None, True], "b": {"c": ["***"]}, "d": "***"}


def test_without_secrets_nothing_is_copied() -> None:
    value = {"a": [1]}

    assert Secrets().redact_all(value) is value


def test_log_lines_and_their_tracebacks_are_redacted_until_it_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    secrets = Secrets()
    secrets.add({"hunter22"})
    log = logging.getLogger("test")
    try:
        raise RuntimeError("login with hunter22")
    except RuntimeError:
        log.exception("the password is %s", "hunter22")
    secrets.close()
    log.warning("afterwards %s", "hunter22")

    first, second = caplog.records
    assert first.getMessage() == "the password is ***"
    assert "login with ***" in str(first.exc_text)
    assert "hunter22" not in str(first.exc_text)
    assert second.getMessage() == "afterwards hunter22"


def test_tracebacks_are_redacted_for_several_applications(caplog: pytest.LogCaptureFixture) -> None:
    one, other = Secrets(), Secrets()
    one.add({"hunter11"})
    other.add({"hunter22"})
    try:
        raise RuntimeError("hunter11 and hunter22")
    except RuntimeError:
        logging.getLogger("test").exception("failed")
    one.close()
    other.close()

    assert "*** and ***" in str(caplog.records[0].exc_text)


def test_of_an_application_that_is_gone_the_log_knows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    secrets = Secrets()
    secrets.add({"hunter22"})
    del secrets
    gc.collect()
    logging.getLogger("test").warning("hunter22")

    assert caplog.messages == ["hunter22"]


def test_a_pump_built_from_code_logs_and_shows_no_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PASSWORD", "hunter22")
    fails = {"class": "FilterProcessor", "config": {"where": {"n": {"gt": "${PASSWORD}"}}, "on_error": "drop"}}
    source = {"module": "bspump_like.testing", "class": "ListSource", "args": {"events": [{"n": 1}]}}
    tree = {"pipelines": [{"id": "P", "source": source, "processors": [fails], "sink": {"class": "NullSink"}}]}

    app = run_pump(lambda app: PumpBuilder(tree).construct_pump(app, app.pump_service))
    shown = app.pump_service.secrets.redact_all(app.pump_service.Pipelines["P"].rest_get())

    assert "hunter22" in app.pump_service.secrets
    assert app.pump_service.Pipelines["P"].counters.errors == 1
    assert caplog.records
    assert "n gt" in str(shown["Log"])
    assert "hunter22" not in caplog.text + str(shown)
