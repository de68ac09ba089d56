"""A worker that streams: its handler is a generator, which the SDK's local mode would never iterate."""

import runpod


def handler(job):
    """Yield the words of a text one by one."""
    for position, word in enumerate(job["input"]["text"].split(), start=1):
        yield {"position": position, "word": word}


runpod.serverless.start({"handler": handler, "return_aggregate_stream": True})
