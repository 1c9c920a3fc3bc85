"""SPF (RFC 7208): `record.py` reads what a domain publishes, `macros.py` expands it, `check_host.py` evaluates."""
