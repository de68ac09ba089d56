"""The API behind the pages, over a real PostgreSQL."""
