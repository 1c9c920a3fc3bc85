"""How any process of Mailstead lives: settings, logs, metrics, probes, TLS files, listening sockets, start and stop.

May import the floors below and `prometheus_client`; knows no protocol and no SQL. Keeps the part of promises S2 and S3 that is
the same everywhere: a process holds no state that must survive it, drains within a deadline when told to stop, and what one
connection may hold in memory is bounded.
"""
