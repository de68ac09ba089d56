"""Words to greet somebody with."""


def greet(name):
    """A greeting for somebody of this name."""
    return f"Good morning, {name}"
