"""PostgreSQL of the local stack."""
