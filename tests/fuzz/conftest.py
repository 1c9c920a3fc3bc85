"""How long `make fuzz` tries; in the suite each test has the usual hundred examples."""

from hypothesis import HealthCheck, settings

settings.register_profile("fuzz", max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
