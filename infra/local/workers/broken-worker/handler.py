"""A worker that fails honestly: its handler raises, and the SDK says so."""

import runpod


def handler(job):
    """Look for a model that is not there."""
    models = {"tiny": "weights-v2"}
    return {"model": models[job["input"]["model"]]}


runpod.serverless.start({"handler": handler})
