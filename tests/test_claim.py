"""Two pumps never run one pipeline on one store."""

import subprocess
import sys

import pytest

from bspump_like.claim import Claims
from bspump_like.store import StoreError

TAKE = """
import sys
from bspump_like.claim import Claims
claims = Claims(sys.argv[1])
claims.take(sys.argv[2:])
print("taken", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path):
    path = str(tmp_path / "bspump.db")
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, path, "P"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "taken\n"
    yield path, process
    process.kill()
    process.communicate()


def test_a_pipeline_that_runs_elsewhere_is_refused_with_the_remedy(other):
    path, _ = other
    with pytest.raises(StoreError, match=r"pipeline P runs already on the store .*--store"):
        Claims(path).take(["P"])


def test_other_pipelines_may_share_the_store(other):
    claims = Claims(other[0])
    claims.take(["Q"])
    claims.release()


def test_a_killed_process_leaves_no_claim(other):
    path, process = other
    process.kill()
    process.wait()
    claims = Claims(path)
    claims.take(["P"])
    claims.release()
