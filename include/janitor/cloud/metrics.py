"""CloudWatch metrics of Janitor's own: one namespace, every figure with its deployment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from janitor.cloud.session import CLIENT_ERRORS, CloudAccess
from janitor.domain.errors import CloudError

NAMESPACE = "Janitor"
_MOST = 1000
"""Figures of one call. Source: CloudWatch API, PutMetricData."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One value."""

    name: str
    value: Decimal | int
    dimensions: Mapping[str, str] = field(default_factory=dict)
    """Beside the deployment."""


def put_figures(access: CloudAccess, deployment: str, figures: Iterable[Figure]) -> None:
    """Send figures in one call.

    Raises:
        CloudError: CloudWatch refused or can't be asked.
    """
    data = [
        {
            "MetricName": figure.name,
            "Dimensions": [
                {"Name": "Deployment", "Value": deployment},
                *({"Name": name, "Value": value} for name, value in figure.dimensions.items()),
            ],
            "Value": float(figure.value),
            "Unit": "None",
        }
        for figure in figures
    ]
    try:
        access.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=data[:_MOST])
    except CLIENT_ERRORS as exc:
        raise CloudError(f"PutMetricData {NAMESPACE}: {exc}") from exc
