"""Benchmarks on real servers: Kafka to null, to Kafka, to Elasticsearch, against a hand-written loop and peers, in one run."""
