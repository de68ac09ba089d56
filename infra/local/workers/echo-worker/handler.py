"""A worker that does its work: it counts the words of a text."""

import runpod


def handler(job):
    """Count words, and echo the text."""
    text = job["input"].get("text", "")
    if not isinstance(text, str) or not text.strip():
        return {"error": "input.text must be a non-empty string"}
    return {"text": text, "words": len(text.split())}


runpod.serverless.start({"handler": handler})
