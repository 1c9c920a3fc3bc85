"""All the NATS of Mailstead: telling other replicas what changed, and hearing it.

May import `model` and `events`. Keeps promise D2: everything here is a hint. A lost connection is retried for ever and never an
error of the caller; whoever listens reads the truth from the store after a gap.
"""

from mailstead.bus.client import Bus, Observer, Subscription, open_bus
from mailstead.bus.watch import AccountWatch, Watch, Watcher

__all__ = ["AccountWatch", "Bus", "Observer", "Subscription", "Watch", "Watcher", "open_bus"]
