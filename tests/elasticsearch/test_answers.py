"""Awkward answers, given by a real server before a real node: what is tried again, what not, and what is said."""

from __future__ import annotations

import collections

import pytest

from tests.elasticsearch.conftest import index_all, letters
from tests.proxy import Proxy, answer

pytestmark = pytest.mark.service


def outcome(status, kind="es_rejected_execution_exception", action="index"):
    return {action: {"status": status, "error": {"type": kind, "reason": f"queue of {status}"}}}


class Failing:
    """Changes the outcome of documents, each so many times: `statuses` is n -> [status of the 1st try, of the 2nd ...]."""

    def __init__(self, statuses):
        self.statuses = {n: list(them) for n, them in statuses.items()}
        self.held = []

    def before(self, call):
        """Keep from the node what it is said to have refused."""
        self.held = []
        if not call.path.startswith("/_bulk"):
            return None
        lines, passed = call.body.splitlines(keepends=True), []
        for number, document in enumerate(call.documents):
            waiting = self.statuses.get(document["n"])
            if waiting:
                self.held.append((number, waiting.pop(0)))
            else:
                passed += lines[2 * number : 2 * number + 2]
        count = len(call.documents)
        call.kept, call.body = call.body, b"".join(passed)
        self.full = count
        if self.held and not passed:
            return answer(200, {"errors": True, "items": [outcome(status) for _, status in self.held]})
        return None

    def after(self, call, status, body):
        if not call.path.startswith("/_bulk") or not self.held:
            return status, body
        items = body["items"]
        for number, said in self.held:
            items.insert(number, outcome(said))
        assert len(items) == self.full
        return status, {"errors": True, "items": items}


def numbers(cluster):
    return sorted(document["n"] for document in cluster.documents())


ONE_LOADER = {"loader_per_url": 1}


def test_documents_that_are_refused_for_now_are_tried_again_alone(cluster):
    failing = Failing({3: [429, 429], 7: [503]})
    sent = []
    with Proxy(
        cluster.url, lambda call: sent.append([d["n"] for d in call.documents]) or failing.before(call), failing.after
    ) as proxy:
        pipeline = index_all(proxy.url, [{"n": n} for n in range(10)], connection=ONE_LOADER, index=cluster.name)

    assert sent == [list(range(10)), [3, 7], [3]]
    assert numbers(cluster) == list(range(10))
    assert pipeline.counters.dead_letters == 0


def test_a_newer_document_with_the_same_id_stays_the_last_word(one):
    items = [{"_id": "a", "n": 1}, {"_id": "b", "n": 2}, {"_id": "a", "n": 3}]
    failing = Failing({1: [429]})
    with Proxy(one.url, failing.before, failing.after) as proxy:
        index_all(proxy.url, items, connection=ONE_LOADER, index=one.name)

    assert {hit["_id"]: hit["_source"]["n"] for hit in one.hits()} == {"a": 3, "b": 2}


def test_a_document_that_makes_the_server_itself_fail_is_given_up_after_a_few_tries(one, tmp_path):
    path = str(tmp_path / "store")
    failing = Failing({2: [500] * 100, 4: [500]})
    with Proxy(one.url, failing.before, failing.after) as proxy:
        index_all(proxy.url, [{"n": n} for n in range(6)], connection=ONE_LOADER, index=one.name, store=path)

    assert [letter.event for letter in letters(path)] == [{"n": 2}]
    assert numbers(one) == [0, 1, 3, 4, 5]


@pytest.mark.parametrize("status", [429, 502, 503, 504, 500, 408])
def test_a_bulk_that_is_refused_as_a_whole_is_tried_again_and_said_once(one, caplog, status):
    refusals = iter(range(5))

    def before(call):
        for number in refusals:
            return answer(status, {"error": {"type": "busy", "reason": f"for the {number}th time"}})
        return None

    with Proxy(one.url, before) as proxy:
        index_all(proxy.url, [{"n": n} for n in range(10)], connection=ONE_LOADER, index=one.name)

    assert numbers(one) == list(range(10))
    said = [r.getMessage() for r in caplog.records if "Elasticsearch answers" in r.getMessage()]
    assert len(said) == 1, said
    assert f"P.Sink: Elasticsearch answers {status}: busy; trying again, nothing is lost" in said[0]


def test_an_answer_of_a_gateway_is_tried_again(one, caplog):
    answers = [answer(502, "<html>Bad Gateway</html>"), answer(503, "no", content_type="application/octet-stream")]
    answers += [
        answer(200, '{"errors": fal', content_type="application/json"),
        answer(200, {}),
        answer(200, "<html>hi</html>"),
    ]
    answers += [answer(200, {"errors": True, "items": []}), answer(400, "<html>HTTP to an HTTPS port</html>")]
    answers += [answer(302, "", Location="http://127.0.0.1:9/")]
    with Proxy(one.url, lambda call: answers.pop(0) if answers else None) as proxy:
        pipeline = index_all(proxy.url, [{"n": n} for n in range(10)], connection=ONE_LOADER, index=one.name)

    assert numbers(one) == list(range(10))
    assert pipeline.counters.dead_letters == 0
    assert "Traceback" not in caplog.text
    assert "is no Elasticsearch" in caplog.text


def test_bulks_that_are_too_large_are_sent_by_halves(cluster):
    def before(call):
        return answer(413, "<html>too large</html>") if len(call.body) > 2000 else None

    with Proxy(cluster.url, before) as proxy:
        index_all(proxy.url, [{"n": n} for n in range(500)], connection=ONE_LOADER, index=cluster.name, batch_size=500)

    counted = collections.Counter(numbers(cluster))
    assert counted == dict.fromkeys(range(500), 1)


def test_a_document_that_is_too_large_alone_becomes_a_dead_letter(one, tmp_path):
    path = str(tmp_path / "store")
    items = [{"n": n} for n in range(20)]
    items[11]["text"] = "x" * 3000
    with Proxy(one.url, lambda call: answer(413) if len(call.body) > 2500 else None) as proxy:
        index_all(proxy.url, items, index=one.name, store=path)

    assert [letter.event["n"] for letter in letters(path)] == [11]
    assert numbers(one) == [n for n in range(20) if n != 11]


def test_halves_that_were_stored_are_not_sent_again_when_the_cluster_goes_away_between(one):
    seen = []

    def before(call):
        seen.append([d["n"] for d in call.documents])
        if len(seen) == 1:
            return answer(413)
        return answer(503, {"error": "away"}) if len(seen) == 3 else None

    with Proxy(one.url, before) as proxy:
        index_all(proxy.url, [{"n": n} for n in range(4)], connection=ONE_LOADER, index=one.name)

    assert seen == [[0, 1, 2, 3], [0, 1], [2, 3], [2, 3]]
    assert numbers(one) == [0, 1, 2, 3]


def test_a_cluster_ten_times_slower_stores_everything_once(cluster):
    with Proxy(cluster.url, delay=0.2) as proxy:
        index_all(
            proxy.url, [{"n": n} for n in range(3000)], connection={"bulk_out_max_size": "10k"}, index=cluster.name,
            batch_size=500,
        )  # fmt: skip

    assert numbers(cluster) == list(range(3000))


def test_a_duplicate_of_an_earlier_try_counts_as_stored(one):
    """The answer to a bulk is lost; the cluster has stored it. Created documents have their ids then."""
    lost = iter([True])

    def after(call, status, body):
        return (503, {"error": "lost"}) if next(lost, False) else (status, body)

    feed = lambda event, id: (b'{"create": {"_id": "%d"}}' % event["n"], b'{"n": %d}' % event["n"])  # noqa: E731
    with Proxy(one.url, after=after) as proxy:
        pipeline = index_all(proxy.url, [{"n": n} for n in range(10)], index=one.name, data_feeder=feed)

    assert numbers(one) == list(range(10))
    assert pipeline.counters.dead_letters == 0


def test_the_size_of_an_index_that_cannot_be_asked_for_repeats_no_bulk(one):
    def before(call):
        return answer(503, {"error": "no"}) if "/_stats" in call.path else None

    with Proxy(one.url, before) as proxy:
        index_all(proxy.url, [{"n": 1}], index_prefix=f"{one.name}-", rollover_mechanism="size", size_check_interval=0)

    assert numbers(one) == [1]


def test_refused_documents_are_logged_once_for_each_kind(one, caplog):
    failing = Failing({n: [400] for n in range(100)} | {n: [404] for n in range(100, 200)})
    with Proxy(one.url, failing.before, failing.after) as proxy:
        pipeline = index_all(proxy.url, [{"n": n} for n in range(250)], index=one.name)

    assert pipeline.counters.dead_letters == 200
    assert len([r for r in caplog.records if "is refused with" in r.getMessage()]) == 2
