"""Runs on disk: journals that writers append to, and an index of them in SQL that can be rebuilt at any time.

`record` writes with `journal`, `blobs` and `tensors` of this room, so nothing is imported here.
"""
