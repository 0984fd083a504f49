"""Matrices over REST, asked by a real client."""

import asyncio
import io

import orjson
from PIL import Image

import bspump_like
from bspump_like.matrix import NamedMatrix
from bspump_like.testing import CollectSink, run_pump
from tests.ports import free_port
from tests.web.test_api import Waiting, ask

BASE = "/bspump/v1/matrix"


def run(checks):
    port = free_port()

    def build(app):
        pipeline = bspump_like.Pipeline(app, "P")
        pipeline.build(Waiting(app, pipeline), CollectSink(app, pipeline))
        app.pump_service.add_pipeline(pipeline)
        matrix = NamedMatrix(app, dtype=[("n", "i8"), ("sum", "f8")], id="M")
        matrix.update_rows(["a", "b", "a"], {"n": 1, "sum": [1.5, float("nan"), 3]})
        app.pump_service.add_matrix(matrix)

    async def during(app):
        await ask(port, "/ready")
        await checks(port)
        app.stop()

    run_pump(build, config={"web": {"listen": f"127.0.0.1:{port}"}}, during=during)


def test_matrices_are_listed_with_their_shape():
    async def checks(port):
        (shown,) = orjson.loads((await ask(port, BASE))[0])
        assert (shown["Id"], shown["Class"], shown["Names"]) == ("M", "NamedMatrix", 2)

    run(checks)


def test_rows_come_as_json_a_piece_at_a_time():
    async def checks(port):
        whole = orjson.loads((await ask(port, f"{BASE}/M"))[0])
        assert whole["Rows"] == [{"name": "a", "n": 2, "sum": 4.5}, {"name": "b", "n": 1, "sum": None}]
        piece = orjson.loads((await ask(port, f"{BASE}/M?limit=1&offset=1"))[0])
        assert [row["name"] for row in piece["Rows"]] == ["b"]
        for wrong in ("limit=x", "limit=-1", "limit=1000000", "offset=1e3"):
            assert b"expected a number" in (await ask(port, f"{BASE}/M?{wrong}", 400))[0]
        await ask(port, f"{BASE}/Nowhere", 404)

    run(checks)


def test_rows_come_as_csv():
    async def checks(port):
        body, headers = await ask(port, f"{BASE}/M/csv")
        assert body == b"name,n,sum\r\na,2,4.5\r\nb,1,nan\r\n"
        assert headers["Content-Type"].startswith("text/csv")
        assert 'filename="M.csv"' in headers["Content-Disposition"]

    run(checks)


def test_picture_comes_as_png():
    async def checks(port):
        body, _ = await ask(port, f"{BASE}/M/png?field=n&log=1")
        image = await asyncio.to_thread(Image.open, io.BytesIO(body))
        assert image.format == "PNG"
        assert b"needs a field of its cells" in (await ask(port, f"{BASE}/M/png", 400))[0]

    run(checks)
