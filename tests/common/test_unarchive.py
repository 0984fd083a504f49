from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from bspump_like import Pipeline
from bspump_like.common import UnarchiveGenerator
from bspump_like.testing import CollectSink, ListSource, run_pump

FILES = {"b.txt": b"bee", "dir/a.csv": b"1,2", "empty": b""}


def zipped(files=FILES):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("dir") if hasattr(archive, "mkdir") else None
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def run(events, **config):
    sinks = []

    def build(app):
        pipeline = Pipeline(app, "P", config={"on_error": "drop"})
        sinks.append(CollectSink(app, pipeline))
        pipeline.build(ListSource(app, pipeline, events), UnarchiveGenerator(app, pipeline, config=config), sinks[0])
        app.pump_service.add_pipeline(pipeline)

    app = run_pump(build)
    files = [(context["member"], event) for context, event in zip(sinks[0].contexts, sinks[0].events, strict=True)]
    return files, app.pump_service.Pipelines["P"].counters.as_dict()["errors"]


@pytest.mark.parametrize("data", [zipped(), tarred(), tarred("w:gz"), tarred("w:xz")], ids=["zip", "tar", "gz", "xz"])
def test_each_file_is_an_event_in_order(data):
    assert run([data]) == (list(FILES.items()), 0)
    assert run([data], member="*.csv") == ([("dir/a.csv", b"1,2")], 0)


@pytest.mark.parametrize(
    ("data", "config"),
    [
        (b"nothing", {}),
        ("text", {}),
        (zipped()[:-30], {}),
        (tarred("w:gz")[:-30], {}),
        (tarred(), {"format": "zip"}),
        (zipped({"zeros": bytes(1_000_000)}), {"max_size": 1000}),
        (zipped(), {"max_members": 2}),
    ],
)
def test_what_cannot_be_read_or_is_too_large_sends_on_nothing(data, config):
    assert run([data], **config) == ([], 1)
