"""The DAGs of maintenance: their tasks and their params."""
