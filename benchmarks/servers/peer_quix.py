"""The paths in Quix Streams with its own connectors, at least once.

A checkpoint each second, in place of its five: its sink for Elasticsearch sends only then.
"""

from __future__ import annotations

from typing import Any

from quixstreams import Application

from .work import Job, job_of_arguments, transform


def main(job: Job) -> None:
    """Run the application until a signal comes."""
    app = Application(
        broker_address=job.kafka,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=job.folder,
        loglevel="WARNING",
        auto_create_topics=False,
    )
    frame = app.dataframe(app.topic(job.topic, value_deserializer="json"))
    frame = frame.apply(transform)
    if job.path == "kafka":
        frame.to_topic(app.topic(job.output, value_serializer="json"))
    elif job.path == "elasticsearch":
        frame.sink(_sink(job))
    app.run()


def _sink(job: Job) -> Any:
    from elasticsearch import Elasticsearch
    from quixstreams.sinks.community.elasticsearch import ElasticsearchSink

    class Sink(ElasticsearchSink):  # type: ignore[misc]
        def setup(self) -> None:
            # Without the question for the version: a node without the module `rest-root` does not answer it.
            self._client = Elasticsearch(job.search)

    return Sink(job.search, job.output, document_id_setter=None)


if __name__ == "__main__":
    main(job_of_arguments())
