"""Grafana dashboards as typed Python; `make reference` writes them as JSON into the chart. For developers only, in no image.

One file for each dashboard; `panels.py` says how all of them look.
"""
