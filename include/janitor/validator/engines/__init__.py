"""What builds and runs a worker: a Docker engine, or a Python environment where there is none."""
