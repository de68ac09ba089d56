"""Boxes: the machines behind EC2 instances. `runtime` is the contract, `process` the one implementation."""
