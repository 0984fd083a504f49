"""Places of IP addresses, from databases written for the test in MaxMind's format."""

from __future__ import annotations

import ipaddress
import os

import pytest

from bspump_like import ConfigError
from bspump_like.common import LookupEnricher
from bspump_like.lookup import IPGeoLookup
from bspump_like.testing import fresh_application
from tests.pumping import collect, events, run

PRAGUE = {"country": {"iso_code": "CZ", "names": {"en": "Czechia"}}, "location": {"latitude": 50.1, "longitude": 14.4}}
VIENNA = {"country": {"iso_code": "AT", "names": {"en": "Austria"}}, "location": {"latitude": 48.2, "longitude": 16.4}}


def write(path, networks, version=6):
    netaddr, mmdb_writer = (pytest.importorskip(name) for name in ("netaddr", "mmdb_writer"))
    writer = mmdb_writer.MMDBWriter(version, "Test-City", ipv4_compatible=version == 6)
    for network, record in networks.items():
        writer.insert_network(netaddr.IPSet([network]), record)
    new = f"{path}.new"
    writer.to_db_file(new)
    os.replace(new, path)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "places.mmdb", {"192.0.2.0/24": PRAGUE, "2001:db8::/32": VIENNA})


@pytest.fixture
def load():
    with fresh_application() as app:

        def loaded(path, **config):
            lookup = IPGeoLookup(app, "Places", {"path": path, **config})
            assert app.Loop.run_until_complete(lookup.load()) is True
            assert app.Loop.run_until_complete(lookup.load()) is False
            return lookup

        yield loaded


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("192.0.2.7", PRAGUE),
        (" 192.0.2.7 ", PRAGUE),
        ("192.0.3.7", None),
        ("2001:db8::1", VIENNA),
        ("::ffff:192.0.2.7", PRAGUE),
        (ipaddress.ip_address("192.0.2.7"), PRAGUE),
        (ipaddress.ip_address("2001:db8::1"), VIENNA),
        (0xC0000207, PRAGUE),
        (0x20010DB8 << 96, VIENNA),
        ((0xFFFF << 32) + 0xC0000207, PRAGUE),
        (-1, None),
        (1 << 128, None),
        ("nonsense", None),
        ("1.2.3", None),
        (":", None),
        ("", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("cache_size", [0, 1, 100])
def test_finds_the_network_of_an_address(load, path, address, found, cache_size):
    lookup = load(path, cache_size=cache_size)
    for _ in range(2):
        assert lookup.get(address) == found
        assert lookup.get(address, "?") == (found or "?")
        assert (address in lookup) == (found is not None)


def test_the_names_of_bspump_answer_alike(load, path):
    lookup = load(path, ipv4mapped=True)
    assert lookup.lookup_location((0xFFFF << 32) + 0xC0000207) == PRAGUE
    assert lookup.lookup_location_ipv4(0xC0000207) == PRAGUE
    assert lookup.lookup_location_ipv6(0x20010DB8 << 96) == VIENNA
    assert lookup.search(0x20010DB8 << 96) == VIENNA
    with pytest.raises(KeyError):
        lookup["192.0.3.1"]


def test_a_database_of_ipv4_knows_nothing_of_ipv6(load, tmp_path):
    lookup = load(write(tmp_path / "4.mmdb", {"192.0.2.0/24": PRAGUE}, 4))
    assert [lookup.get(text) for text in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1")] == [PRAGUE, PRAGUE, None]


def test_fields_are_taken_out_of_the_record(load, path):
    lookup = load(path, fields={"country.iso_code": "country", "location.latitude": "lat", "city.names.en": "city"})
    assert lookup["192.0.2.7"] == {"country": "CZ", "lat": 50.1, "city": None}


def test_a_new_database_takes_the_place_of_the_old(load, path):
    lookup = load(path)
    assert lookup["192.0.2.7"] == PRAGUE
    write(path, {"192.0.2.0/24": VIENNA})
    assert lookup.Loop.run_until_complete(lookup.load()) is True
    assert lookup["192.0.2.7"] == VIENNA


@pytest.mark.parametrize(
    ("name", "told"), [("palces.mmdb", "did you mean 'places.mmdb'"), ("bad.mmdb", "cannot be read: Error opening")]
)
def test_mistakes_are_told(load, path, tmp_path, name, told):
    (tmp_path / "bad.mmdb").write_bytes(b"no database")
    with pytest.raises(ConfigError, match=told):
        load(str(tmp_path / name))


def test_events_are_enriched_with_places(path):
    got = []

    def prepare(app):
        config = {"path": path, "fields": {"country.iso_code": "country"}}
        app.pump_service.add_lookup(IPGeoLookup(app, "Places", config))

    def enrich(app, pipeline):
        config = {"lookup": "Places", "key": "ip", "fields": {"country": "country"}, "missing": "null"}
        return LookupEnricher(app, pipeline, config=config)

    addresses = ["192.0.2.1", "10.0.0.1", "2001:db8::2", "junk", None]
    run(("P", events([{"ip": address} for address in addresses]), enrich, collect(got)), prepare=prepare)
    assert [event["country"] for event in got] == ["CZ", None, "AT", None, None]
