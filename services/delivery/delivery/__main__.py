"""`python -m delivery`: the process of a delivery container."""

from delivery.app import delivery
from delivery.settings import DeliverySettings
from mailstead.ops.lifecycle import main

if __name__ == "__main__":
    main(delivery, DeliverySettings, "delivery")
