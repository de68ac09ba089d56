"""The provider's EC2 hook with Janitor's own client.

One client for each process serves operators and services alike: the same credentials, timeouts and single attempt, and
EC2's large service model is loaded once, before task processes are forked.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.ec2 import EC2Hook

from janitor.cloud.session import CloudAccess
from janitor.orchestration.wiring import current_settings


class SharedEc2Hook(EC2Hook):
    """An EC2 hook that makes no client of its own."""

    @property
    def conn(self) -> Any:
        """The process's EC2 client, which never repeats a call by itself."""
        return CloudAccess.of(current_settings()).launch_client()

    @property
    def conn_region_name(self) -> str:
        """The client's region."""
        return str(self.conn.meta.region_name)

    @property
    def conn_partition(self) -> str:
        """The client's partition."""
        return str(self.conn.meta.partition)
