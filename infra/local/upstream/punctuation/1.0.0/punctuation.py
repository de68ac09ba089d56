"""How a sentence ends."""


def ended(sentence):
    """The sentence with its end."""
    return sentence + "!"
