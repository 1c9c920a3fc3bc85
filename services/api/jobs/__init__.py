"""What runs in the background: the search index, reclaiming content, retention, the check of invariants, events for webhooks.

Each job runs on one replica at a time; every replica sends to webhooks what it has claimed. May import `mailstead` (model, wire,
store, ops) and itself. Every job works in short transactions, may be killed at any moment, and may run twice: what it did is in
the database and nowhere else.
"""
