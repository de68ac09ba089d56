"""PostgreSQL's roles and databases of a deployment: what each may do, and who makes them."""
