"""What makes a worker's machine fit for another task: it is cleared of the last one, and looked at for what stays.

Root on the machine may be a stranger by now: what is said here can be a lie. That is why it is compared elsewhere, and
why a worker serves few, for a short time, and those who trust each other.
"""
