"""Postgres: connections, migrations, named queries and the records that they return."""
