"""Shared states in the store: a header for each, and blocks of which a barrier replaces those that changed."""

from __future__ import annotations

import sqlite3
from typing import Any

from .abc.state import Saved
from .codec import decode, encode

SCHEMA = """
CREATE TABLE IF NOT EXISTS shared (id TEXT PRIMARY KEY, pipelines BLOB, header BLOB);
CREATE TABLE IF NOT EXISTS shared_blocks (
    id TEXT, stream TEXT, number INTEGER, data BLOB, PRIMARY KEY (id, stream, number));
"""


def write(db: sqlite3.Connection, id: str, pipelines: list[str], saved: Saved) -> None:
    """Write what a barrier changes in one state, within the transaction that is open.

    Args:
        db: The store.
        id: Of the state.
        pipelines: Ids of those that share it.
        saved: How it was at the barrier.
    """
    if saved.whole:
        db.execute("DELETE FROM shared_blocks WHERE id = ?", (id,))
    for stream, number, data in saved.changes():
        if data is None:
            db.execute("DELETE FROM shared_blocks WHERE id = ? AND stream = ? AND number >= ?", (id, stream, number))
        else:
            db.execute("INSERT OR REPLACE INTO shared_blocks VALUES (?, ?, ?, ?)", (id, stream, number, data))
    db.execute("INSERT OR REPLACE INTO shared VALUES (?, ?, ?)", (id, encode(pipelines), encode(dict(saved.header))))


def read(db: sqlite3.Connection, id: str) -> tuple[dict[str, Any], dict[str, list[bytes]]] | None:
    """Return header and streams of a state, None when there is none."""
    row = db.execute("SELECT header FROM shared WHERE id = ?", (id,)).fetchone()
    if row is None:
        return None
    streams: dict[str, list[bytes]] = {}
    blocks = "SELECT stream, data FROM shared_blocks WHERE id = ? ORDER BY stream, number"
    for stream, data in db.execute(blocks, (id,)):
        streams.setdefault(stream, []).append(data)
    return decode(row[0]), streams


def of_pipeline(db: sqlite3.Connection, pipeline: str) -> list[str]:
    """Return the ids of the states that a pipeline had a part in."""
    rows = db.execute("SELECT id, pipelines FROM shared ORDER BY id")
    return [id for id, pipelines in rows if pipeline in decode(pipelines)]


def forget(db: sqlite3.Connection, forgotten: set[str]) -> None:
    """Forget the part that pipelines had in states; with the last of its pipelines a state goes. What has none stays."""
    for id, pipelines in db.execute("SELECT id, pipelines FROM shared").fetchall():
        sharing = decode(pipelines)
        left = [pipeline for pipeline in sharing if pipeline not in forgotten]
        if left or not sharing:
            db.execute("UPDATE shared SET pipelines = ? WHERE id = ?", (encode(left), id))
        else:
            db.execute("DELETE FROM shared WHERE id = ?", (id,))
            db.execute("DELETE FROM shared_blocks WHERE id = ?", (id,))
