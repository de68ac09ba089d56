"""The pages' app for somebody who may see and do everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from janitor.settings import Settings
from janitor.web.app import pages


def app_of(settings: Settings, **rights: Callable[..., Any]) -> FastAPI:
    """Of a deployment, for Ada.

    Args:
        settings: Of the deployment.
        rights: In the place of hers: `allowed`, `may_edit`, `may_read_logs`; and `airflow_problems`.
    """
    everything: dict[str, Any] = {
        "may_edit": lambda: "ada",
        "may_read_logs": lambda: None,
        "airflow_problems": lambda: None,
        **rights,
    }
    allowed = everything.pop("allowed", lambda: None)
    return pages(allowed, lambda: settings, **everything)
