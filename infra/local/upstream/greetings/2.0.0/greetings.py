"""Words to greet somebody with."""


def greeting(*, name, language="en"):
    """A greeting for somebody of this name: `greet(name)` until version 2."""
    return {"en": "Good morning", "de": "Guten Morgen"}[language] + f", {name}"
