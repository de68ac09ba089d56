"""Who holds the connections of the stack's PostgreSQL: asked as its superuser, for whom some are reserved."""

from __future__ import annotations

import psycopg

_TIMEOUT_SECONDS = 5
_MOST = 4
_HOLDERS = """\
select usename || case when application_name = '' then '' else ' (' || left(application_name, 40) || ')' end,
       count(*), current_setting('max_connections')
  from pg_stat_activity where backend_type = 'client backend' group by 1 order by 2 desc, 1 limit %s
"""


def connection_holders(superuser_url: str) -> str | None:
    """`of 200: airflow 120, janitor_writer (janitor) 60`, the most first; None where even that can't be asked."""
    try:
        with psycopg.connect(superuser_url, connect_timeout=_TIMEOUT_SECONDS) as connection:
            rows = connection.execute(_HOLDERS, (_MOST,)).fetchall()
    except psycopg.Error:
        return None
    return f"of {rows[0][2]}: " + ", ".join(f"{who} {count}" for who, count, _ in rows) if rows else None
