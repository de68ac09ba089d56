"""What the control plane and the on-instance validator say to each other: the spec, the report, and the roll-up rule.

Standard library only, Python 3.10 or newer: this package travels to the instance inside the validator's artefact.
"""
