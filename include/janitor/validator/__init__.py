"""The program that runs on the instance: it validates one repository and hands in a report.

Standard library only, Python 3.10 or newer; of the product it knows `janitor.protocol` alone. `packaging` makes one
file of both, which the instance's own python3 runs.
"""

VERSION = "0.1.0"
"""Version of the validator, as reports state it."""
