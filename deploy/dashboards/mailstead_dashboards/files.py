"""The dashboards as the files that the chart installs."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from mailstead_dashboards.delivery import delivery
from mailstead_dashboards.events import events
from mailstead_dashboards.overview import overview
from mailstead_dashboards.readers import readers
from mailstead_dashboards.smtp import smtp
from mailstead_dashboards.storage import storage

FOLDER = Path(__file__).parents[2] / "helm" / "mailstead" / "dashboards"
_DASHBOARDS = (overview, smtp, delivery, readers, storage, events)


def files() -> dict[str, str]:
    """File name -> JSON, the same each time."""
    return {f"{make.__name__}.json": JSONEncoder(sort_keys=True, indent=1).encode(make().build()) + "\n" for make in _DASHBOARDS}
