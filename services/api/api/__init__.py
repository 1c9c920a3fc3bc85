"""The REST API, version 1: what provisions and looks after a mail host over HTTP.

May import `mailstead` (model, events, store, bus, ops) and itself. Keeps the promises that a 2xx follows the commit (D1), that
an error of ours is a 503 which says nothing of the inside (D5), and that no request occupies unbounded memory (S3).
"""
