"""Who is told of a run's news: its configuration's channels, and on the local stack a file that shows the messages."""

from __future__ import annotations

from janitor.domain.config.workers import WorkersConfig
from janitor.domain.news.routes import Routes, routes_of
from janitor.settings import Settings
from janitor.settings.parts.deployment import StackKind


def routes_for(settings: Settings, config: WorkersConfig) -> Routes | None:
    """The channels of a configuration in this environment; None where nobody is told."""
    return routes_of(config.notifications, with_file=settings.stack is StackKind.EMBEDDED)
