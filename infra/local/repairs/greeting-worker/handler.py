"""A worker that greets: it works for as long as its upstream keeps `greet`."""

import greetings
import punctuation
import runpod


def handler(job):
    """Greet whoever is named."""
    name = job["input"].get("name")
    if not isinstance(name, str) or not name:
        return {"error": "input.name must be a non-empty string"}
    return {"greeting": punctuation.ended(greetings.greet(name))}


runpod.serverless.start({"handler": handler})
