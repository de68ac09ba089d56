"""What a worker's last words show of the place that it ran in: no GPU, no memory, no network, no secret."""

from __future__ import annotations

import re

from janitor.diagnosis.rules.rule import Blame, Rule, Source
from janitor.protocol.terms.reason_codes import ReasonCode

_NO_GPU = re.compile(
    r"(?i)found no nvidia driver|no cuda gpus are available|cuda driver version is insufficient|no nvidia gpu"
    r"|torch not compiled with cuda enabled|cuda(?: is|_is)? not available|cudaErrorNoDevice|no cuda-capable device"
    r"|nvidia-smi.{0,40}not found|libcuda\.so|failed to infer device type|cuda initialization"
)
_DRIVER = re.compile(
    r"(?i)failed to initialize NVML|driver/library version mismatch|cuda driver version is insufficient"
)
_MEMORY = re.compile(
    r"(?i)(?:cuda|hip) (?:error: )?out of memory|OutOfMemoryError|CU(?:BLAS|DNN|SPARSE|SOLVER)_STATUS_ALLOC_FAILED"
    r"|CUDA_ERROR_OUT_OF_MEMORY|cudaErrorMemoryAllocation|cudaMalloc failed: out of memory"
    r"|RESOURCE_EXHAUSTED: out of memory|OOM when allocating|no available memory for the cache blocks"
    r"|failed to allocate memory for requested buffer|^MemoryError|class 'MemoryError'"
    r"|cannot allocate memory|unable to allocate .{0,40} for an array|bad_alloc|is killed by signal: killed"
    r"|died with <Signals\.SIGKILL",
    re.MULTILINE,
)
_DISK = re.compile(r"(?i)no space left on device|disk quota exceeded")
# A member of an object is what a worker answers itself.
_NO_MEMBER = r"(?!\w{0,9}\\?['\"]\s?:)"
# A number is a status where something says so: `IndexError: index 502 is out of bounds` speaks of no server.
_SAYS_STATUS = (
    r"(?:status(?:[ _-]?code)?|(?<![a-z])code|HTTP|(?<![a-z])error|<Response"
    r"|(?:HTTP|Status|Server|Response|Request|Limit|Connection|API)_?(?:Error|Exception))"
)
_TO_ITS_NUMBER = (
    r"[\\'\"]{0,3}[\s:=(\[]{0,4}[\\'\"]{0,2}"
    r"(?:(?:status|code|HTTP|error|response|request|returned|received|failed|with|of|is|was|from|server)[\s:=]{1,3}){0,5}"
)
_NETWORK = re.compile(
    r"(?i)temporary failure in name resolution|name or service not known|nodename nor servname|failed to resolve"
    r"|network is unreachable|no route to host|max retries exceeded|too many requests|bad gateway|service unavailable"
    rf"|{_SAYS_STATUS}{_TO_ITS_NUMBER}\b(?:429|50[234])\b"
    # A worker calls its own failures 500 as well, in an object that it returns.
    rf"|{_SAYS_STATUS}{_NO_MEMBER}{_TO_ITS_NUMBER}\b500\b|\b50[0234] Server Error"
    r"|(?:connect|read) ?timeout"
    r"|connection timed out|read operation timed out|urlopen error (?!\[Errno 111\])|connection reset by peer"
    r"|connection aborted|remotedisconnected|cannot connect to (?:host|proxy)|tunnel connection failed"
    r"|couldn't connect to '?https?://|getaddrinfo failed|outgoing traffic has been disabled"
    r"|check your (?:internet )?connection"
)
_TOKEN = re.compile(
    r"(?i)\b40[13] client error|client error ['\"]?40[13]\b"
    rf"|{_SAYS_STATUS}{_NO_MEMBER}{_TO_ITS_NUMBER}\b40[13]\b"
    r"|gated ?repo|access to model .{0,200} is restricted|LocalTokenNotFoundError"
    r"|you must be authenticated|please log ?in .{0,60}(?:hugging|hf)"
)
# In capitals alone, as variables are: what a program calls a secret otherwise is its own.
_NAME = (
    r"\b(?:(?:[A-Z][A-Z0-9_]{0,60}_)?(?:TOKEN|SECRET|PASSWORD|API_?KEY|ACCESS_KEY|SECRET_KEY|CREDENTIALS"
    # What comes together with a secret: somebody's bucket, database or account.
    r"|BUCKET|CONNECTION_STRING|DSN|WEBHOOK_URL)(?:_[A-Z0-9_]{1,60})?"
    r"|[A-Z][A-Z0-9_]{0,60}_KEY|(?:S3|R2|AWS|MINIO|SUPABASE|CLOUDINARY|DATABASE|REDIS|MONGO(?:DB)?)_[A-Z0-9_]{1,60})\b"
)


def says_missing(name: str) -> str:
    """A pattern for words that say of a variable that it isn't there.

    On the line of an error, or as the last words of a program that ended itself: libraries ask for a token in warnings
    too, and go on without.
    """
    missing = (
        rf"(?:{name}[^\n]{{0,60}}"
        r"(?i:\bnot (?:set|found|defined|provided)|\bmissing|\bis required|\bmust be (?:set|provided))"
        rf"|(?i:missing|please set|provide|by setting)[^\n]{{0,40}}{name})"
    )
    return (
        rf"KeyError: \\?['\"]{name}\\?['\"]|(?i:error|exception)[^\n]{{0,300}}?{missing}"
        rf"|{missing}[^\n]{{0,200}}\s*\Z"
    )


_SECRET_MISSING = re.compile(
    says_missing(_NAME)
    + r"|NoCredentialsError|PartialCredentialsError|Unable to locate credentials|DefaultCredentialsError"
)
# The platform sets these variables and mounts this folder; nothing else does.
_PLATFORM = re.compile(
    r"KeyError: \\?['\"]RUNPOD_[A-Z0-9_]{1,60}\\?['\"]"
    r"|(?:FileNotFoundError|NotADirectoryError|OSError): [^\n]{0,300}?/runpod-volume\b"
    r"|(?i:error|exception)[^\n]{0,300}?(?:\bRUNPOD_[A-Z0-9_]{1,60}[^\n]{0,60}"
    r"(?i:\bnot (?:set|found|defined|provided)|\bmissing)"
    r"|/runpod-volume\b[^\n]{0,200}(?i:not (?:found|exist|mounted|a directory)|missing)"
    r"|(?i:not (?:found|exist|mounted)|missing|no such file)[^\n]{0,200}/runpod-volume\b)"
)


def _rule(pattern: re.Pattern[str], code: ReasonCode, reason: str, example: str, *, is_remote: bool = False) -> Rule:
    return Rule(
        pattern=pattern,
        source=Source.WORKER,
        blame=Blame.WORLD,
        code=code,
        reason=reason,
        example=example,
        is_remote=is_remote,
    )


_ANYWHERE = (
    _rule(_DISK, ReasonCode.DISK_FULL, "the instance's disk is full", "OSError: [Errno 28] No space left on device"),
    _rule(_MEMORY, ReasonCode.OUT_OF_MEMORY, "the instance ran out of memory", "torch.cuda.OutOfMemoryError: CUDA"),
    _rule(
        _NETWORK,
        ReasonCode.NETWORK,
        "the network failed",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x'): Max retries exceeded with url",
        is_remote=True,
    ),
    _rule(
        _TOKEN,
        ReasonCode.NEEDS_TOKEN,
        "a host wants a token that this validation was not given",
        "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/x",
        is_remote=True,
    ),
    _rule(
        _SECRET_MISSING,
        ReasonCode.NEEDS_SECRET,
        "the worker wants a secret that this validation was not given",
        "KeyError: 'HF_TOKEN'",
    ),
    _rule(
        _PLATFORM,
        ReasonCode.PLATFORM_ONLY,
        "the worker wants what only the platform has",
        "FileNotFoundError: [Errno 2] No such file or directory: '/runpod-volume/model'",
    ),
)
WITH_GPU = (
    *_ANYWHERE,
    _rule(
        _DRIVER,
        ReasonCode.HOST_DRIVER,
        "the instance's GPU driver is at fault",
        "Failed to initialize NVML: Driver/library version mismatch",
    ),
)
"""On a machine with a GPU."""
WITHOUT_GPU = (
    *_ANYWHERE,
    _rule(
        _NO_GPU,
        ReasonCode.GPU_MISSING,
        "the worker wants a GPU and this instance has none",
        "RuntimeError: Found no NVIDIA driver on your system.",
    ),
)
"""On one without."""
