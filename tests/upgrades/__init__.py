"""Databases made by earlier versions, and what must hold when today's code takes them over.

`vX.Y.sqlite3.xz` and `vX.Y.sql.xz` (PostgreSQL) were made by `python -m tests.upgrades.keep vX.Y FOLDER`, which runs
the code of that tag: its demo, and people and a pipeline at work on it. `vX.Y.*.jsonl.xz` are that version's own
exports, and `vX.Y.json` what a client of that time had: its key, and how many versions it had registered.
"""
