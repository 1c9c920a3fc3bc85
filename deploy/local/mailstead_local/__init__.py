"""The whole system on one machine: a real PostgreSQL, a real NATS server and the services, each in a process of its own.

Stands above the services and starts them as containers would: same entry points, environment variables only. May import
`mailstead` and the standard library; never a service. Keeps the promise that stopping, or being killed, leaves a data folder
that can be started again.
"""
