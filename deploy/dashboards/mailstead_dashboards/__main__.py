"""Writes the dashboards into the chart: `make reference`."""

from mailstead_dashboards.files import FOLDER, files

for name, text in files().items():
    (FOLDER / name).write_text(text)
