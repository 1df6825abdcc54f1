"""Runs on disk: journals that writers append to, and an index of them in SQL that can be rebuilt at any time.

`record` imports `store.journal`, which must stay light, so nothing is imported here.
"""
