"""How a sentence ends; `calm` came with version 1.1."""


def ended(sentence, calm=False):
    """The sentence with its end."""
    return sentence + ("." if calm else "!")
