"""How our dashboards look: a few kinds of panel, one data source, two variables to narrow down."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, Threshold, ThresholdsMode, VariableRefresh

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
ONLY = 'namespace=~"$namespace"'
"""What every expression narrows its series down to."""

HALF, THIRD, QUARTER = 12, 8, 6  # of the 24 columns


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and what the legend says of each series."""

    expression: str
    legend: str = ""


def graph(title: str, unit: str, *queries: Query, said: str, span: int = HALF, stacked: bool = False) -> timeseries.Panel:
    """Lines over time; `said` is what a person should make of them."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(said)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(8)
        .min(0)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(1)
        .fill_opacity(25 if stacked else 8)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs([])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for query in queries:
        panel = panel.with_target(_target(query))
    return panel


def figure(title: str, unit: str, query: Query, *, said: str, warn: float | None = None, span: int = QUARTER) -> stat.Panel:
    """One number; from `warn` on it is red."""
    steps = [Threshold(value=None, color="green")]
    if warn is not None:
        steps.append(Threshold(value=warn, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(said)
        .datasource(SOURCE)
        .unit(unit)
        .span(span)
        .height(4)
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(_target(query))
    )


def quantile(q: float, histogram: str, *, by: str = "", where: str = "", legend: str = "") -> Query:
    """A quantile of a histogram's last minutes."""
    labels = ", ".join(filter(None, ("le", by)))
    selector = ", ".join(filter(None, (ONLY, where)))
    text = f"histogram_quantile({q}, sum by ({labels}) (rate({histogram}_bucket{{{selector}}}[$__rate_interval])))"
    return Query(text, legend or " ".join(filter(None, (f"p{q * 100:g}", f"{{{{{by}}}}}" if by else ""))))


def per_second(counter: str, *, by: str = "", where: str = "", legend: str = "") -> Query:
    """How fast a counter grows, summed over replicas."""
    selector = ", ".join(filter(None, (ONLY, where)))
    grouping = f" by ({by})" if by else ""
    spoken = legend or " ".join(f"{{{{{label}}}}}" for label in by.replace(" ", "").split(",") if label)
    return Query(f"sum{grouping} (rate({counter}{{{selector}}}[$__rate_interval]))", spoken)


def count(counter: str, *, by: str, legend: str = "") -> Query:
    """By how much a counter grew between two points of the picture, summed over replicas."""
    grouping = f" by ({by})" if by else ""
    spoken = legend or " ".join(f"{{{{{label}}}}}" for label in by.replace(" ", "").split(",") if label)
    return Query(f"sum{grouping} (increase({counter}{{{ONLY}}}[$__rate_interval]))", spoken)


def page(uid: str, title: str, *rows: tuple[str, list[timeseries.Panel | stat.Panel]]) -> dashboard.Dashboard:
    """A dashboard of named rows."""
    built = (
        dashboard.Dashboard(f"Mailstead / {title}")
        .uid(f"mailstead-{uid}")
        .tags(["mailstead"])
        .timezone("browser")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("namespace")
            .label("Namespace")
            .datasource(SOURCE)
            .query("label_values(mailstead_loop_lag_seconds_count, namespace)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    )
    for name, panels in rows:
        built = built.with_row(dashboard.Row(name))
        for panel in panels:
            built = built.with_panel(panel)
    return built


def _target(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(SOURCE).expr(query.expression).legend_format(query.legend)
