"""Benchmarks: what the event path costs, against a hand-written loop and against peers, in one run."""
