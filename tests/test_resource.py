from __future__ import annotations

import bz2
import gzip
import lzma
import sys
import zipfile

import pytest

from bspump_like import ConfigError
from bspump_like.resource import container_path, open_resource, plain_name, resolve_path


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "flightdata_for_test"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('the package must not be imported')")
    (folder / "data" / "planes.csv").write_text("tailnum\nN1\n")
    (tmp_path / "single_module_for_test.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.mark.parametrize(
    "text", ["package:flightdata_for_test/data/planes.csv", "package:flightdata_for_test.data/planes.csv"]
)
def test_a_file_of_a_package_is_found_without_importing_it(package, text):
    assert resolve_path(text) == str(package / "data" / "planes.csv")
    assert "flightdata_for_test" not in sys.modules
    with open_resource(text) as stream:
        assert stream.read() == b"tailnum\nN1\n"


def test_other_paths_stay_as_they_are():
    assert resolve_path("some/file.csv") == "some/file.csv"


def test_patterns_within_a_package_resolve_too(package):
    assert resolve_path("package:flightdata_for_test/data/*.csv") == str(package / "data" / "*.csv")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("package:no_such_package_here/x.csv", "the Python package 'no_such_package_here' is not installed"),
        ("package:single_module_for_test/x.csv", "is a single module"),
        ("package:/x.csv", "is not installed"),
    ],
)
def test_a_package_that_cannot_be_is_told(package, text, told):
    with pytest.raises(ConfigError, match=told):
        resolve_path(text)


@pytest.mark.parametrize(("ending", "opener"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open), ("", open)])
def test_compressed_files_are_read_as_their_content(tmp_path, ending, opener):
    path = tmp_path / f"rows.csv{ending}"
    with opener(path, "wb") as stream:
        stream.write(b"content")
    with open_resource(str(path)) as stream:
        assert stream.read() == b"content"
    assert plain_name(str(path)).endswith("rows.csv")


@pytest.fixture
def archive(tmp_path):
    def make(*names):
        path = tmp_path / "rows.csv.zip"
        with zipfile.ZipFile(path, "w") as opened:
            for name in names:
                opened.writestr(name, name)
        return str(path)

    return make


def test_members_of_archives_are_read_by_name_or_alone(archive):
    path = archive("in/a.csv", "b.json")
    with open_resource(f"{path}!in/a.csv") as stream:
        assert stream.read() == b"in/a.csv"
    assert container_path(f"{path}!in/a.csv") == path
    assert plain_name(f"{path}!b.json") == "b.json"
    with open_resource(archive("alone.csv")) as stream:
        assert stream.read() == b"alone.csv"


def test_a_member_that_is_not_there_or_not_named_is_told(archive):
    path = archive("a.csv", "b.csv")
    with pytest.raises(ConfigError, match=r"has no member 'c\.csv'; it holds a\.csv, b\.csv"):
        open_resource(f"{path}!c.csv")
    with pytest.raises(ConfigError, match="holds several files"):
        open_resource(path)
