"""A worker that looks healthy to anyone who trusts exit codes: the error hides inside its result.

The SDK calls the job completed and ends with exit code 0.
"""

import runpod


def transcribe(audio):
    """Fail as a model without its weights would."""
    raise RuntimeError(f"no weights to transcribe {audio} with")


def handler(job):
    """Transcribe every file, and report what went wrong where nobody looks."""
    results = []
    for audio in job["input"]["files"]:
        try:
            results.append({"file": audio, "text": transcribe(audio)})
        except RuntimeError as exc:
            results.append({"file": audio, "error": str(exc)})
    return {"results": results}


runpod.serverless.start({"handler": handler})
