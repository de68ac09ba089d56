"""A worker that never answers, ignores SIGTERM and leaves a process in a session of its own."""

import signal
import subprocess
import sys
import threading

import runpod

STUBBORN = "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); threading.Event().wait()"


def handler(job):
    """Start a process that outlives a kill of this one's group, then wait for ever."""
    subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    print("waiting for something that never happens", flush=True)
    threading.Event().wait()
    return {"answer": job["input"]}


signal.signal(signal.SIGTERM, signal.SIG_IGN)
runpod.serverless.start({"handler": handler})
