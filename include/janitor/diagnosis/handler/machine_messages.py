"""The words in which programs tell of their failure where the name of the exception is lost, as `str(exc)` loses it.

Each is a message from its first character to its last: an answer that merely speaks of one goes on.
"""

from __future__ import annotations

import re

_SHORTEST, _LONGEST = 9, 1_000
_NAME = r"['\"`][^'\"`\n]{1,200}['\"`]"


def _any_of(*messages: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(messages)})[.!]?", re.DOTALL)


_PYTHON = _any_of(
    rf"{_NAME} object has no attribute {_NAME}.{{0,200}}",
    rf"(?:{_NAME}|type) object (?:{_NAME} )?(?:has no attribute {_NAME}.{{0,200}}|does not support .{{1,80}}"
    r"|is not (?:subscriptable|iterable|callable|an iterator|reversible|an? awaitable))",
    rf"(?:partially initialized )?module {_NAME} has no attribute {_NAME}.{{0,200}}",
    rf"No module named {_NAME}.{{0,200}}|cannot import name {_NAME} from .{{1,300}}",
    rf"name {_NAME} is not defined.{{0,100}}|local variable {_NAME} referenced before assignment",
    rf"cannot access local variable {_NAME} where it is not associated with a value",
    r"(?:list|string|tuple|deque|array|pop|list assignment|range object) index out of range",
    r"pop from (?:an )?empty .{1,30}",
    r"(?:float |integer |complex )?(?:division|floor division|modulo|division or modulo) by zero|math domain error",
    r"maximum recursion depth exceeded.{0,100}|dictionary changed size during iteration|Event loop is closed",
    rf"unhashable type: {_NAME}|unsupported operand type\(s\) for .{{1,100}}|can only concatenate .{{1,100}}",
    rf"argument of type {_NAME} is not iterable|object of type {_NAME} has no len\(\)",
    r"cannot unpack non-iterable .{1,80}",
    r"(?:not enough|too many) values to unpack \(.{1,80}\)|could not convert string to float: .{1,200}",
    r"invalid literal for int\(\) with base \d{1,2}: .{1,200}",
    r"[\w.<>]{1,120}\(\) (?:missing \d{1,3} required|got an unexpected keyword argument|got multiple values for)"
    r" .{1,300}",
    r"[\w.<>]{1,120}\(\) takes .{1,60} positional arguments? but .{1,60}",
    r"Object of type \w{1,80} is not JSON serializable|keys must be str, int, float, bool or None, not \w{1,80}",
    r"(?:Expecting .{1,60}|Extra data|Unterminated string starting at|Invalid control character at): line \d{1,9}"
    r" .{1,60}",
    r"Incorrect padding|expected str, bytes or os\.PathLike object, not .{1,80}|I/O operation on closed file",
    r"a bytes-like object is required, not .{1,80}|'[\w-]{1,40}' codec can't (?:de|en)code .{1,200}",
    r"\[(?:Errno|WinError) -?\d{1,9}\] .{1,600}|cannot (?:re)?schedule new futures after .{0,40}shutdown",
    r"Command .{1,600} (?:returned non-zero exit status -?\d{1,5}|died with .{1,60}|timed out after .{1,40} seconds)",
    r"cannot identify image file .{1,300}|image file is truncated.{0,80}",
    rf"coroutine {_NAME} was never awaited|generator already executing",
)
_NETWORK = _any_of(
    r"HTTPS?ConnectionPool\(host=.{1,900}|<urlopen error .{1,400}>|Cannot connect to host .{1,400}",
    r"\(?'?Connection (?:aborted|broken)[.:'].{0,400}|Connection (?:refused|reset by peer|timed out)",
    r"All connection attempts failed|Server disconnected(?: without sending a response)?",
    r"(?:The )?(?:read|handshake|write) operation timed out|Read timed out\..{0,100}|Name or service not known",
    r"Remote end closed connection without response|Temporary failure in name resolution",
    r"Max retries exceeded .{1,400}|\d{3} (?:Client|Server) Error: .{1,400} for url: ?.{0,400}",
    r"(?:Client error|Server error|Redirect response) '\d{3} .{1,600}",
    r"(?:Repository|Revision|Entry) Not Found for url: .{1,400}|We couldn't connect to 'https?://.{1,500}",
    r"Access to model .{1,200} is restricted.{0,300}|You are trying to access a gated repo.{0,400}",
)
_MODELS = _any_of(
    r"CUDA (?:driver )?error: ?.{1,700}|CUDA out of memory(?:\..{0,700})?|HIP (?:error: |out of memory\.).{0,700}",
    r"CUDA (?:initialization|failure)[: ].{1,400}|MPS backend out of memory.{0,400}|out of memory",
    r"cuDNN error: .{1,300}|CU(?:DNN|BLAS)_STATUS_\w{1,60}.{0,200}|NCCL (?:error|failure).{1,400}",
    r"No CUDA GPUs are available|Found no NVIDIA driver.{0,400}|Torch not compiled with CUDA enabled",
    r"The NVIDIA driver on your system is too old.{0,400}|no kernel image is available for execution on the device",
    r"an illegal memory access was encountered.{0,200}|device-side assert triggered.{0,200}",
    r"Expected all tensors to be on the same device.{0,400}",
    r"mat1 and mat2 (?:shapes cannot be multiplied|must have the same dtype).{0,200}",
    r"The size of tensor a \(.{1,300}|Sizes of tensors must match.{1,300}|Input type \(.{1,300}",
    r"shape '\[.{1,200}\]' is invalid for input of size \d{1,15}|Input image size \(.{1,300}",
    r"expected scalar type \w{1,30} but found \w{1,30}.{0,100}|\"\w{1,100}\" not implemented for '\w{1,30}'",
    r"Error\(s\) in loading state_dict for .{1,700}|Attempting to deserialize object on .{1,500}",
    r"(?:Can't|Cannot) load (?:the )?(?:tokenizer|config|configuration|model|image processor|feature extractor"
    r"|processor|weights) for .{1,600}",
    r"\S{1,200} (?:is not a local folder and is not a valid model identifier|does not appear to have a file named)"
    r".{0,600}",
    r"lib[\w.+-]{1,100}: cannot open shared object file: .{1,100}",
    r"Error while deserializing header: .{1,200}|Unable to load weights from .{1,400}",
)
_SHELLS = _any_of(
    r"(?:/bin/)?(?:ba|z|da)?sh: .{1,300}: (?:command )?not found|Segmentation fault(?: \(core dumped\))?",
    r"(?:/bin/)?(?:ba)?sh: .{1,300}: (?:No such file or directory|Permission denied)|Bus error(?: \(core dumped\))?",
    r"thread '.{1,80}' panicked at .{1,600}|panic: runtime error: .{1,600}|\[object Object\]",
    r"Cannot read propert(?:y|ies) .{0,100}of (?:undefined|null).{0,100}",
    r"[\w$]{1,60}(?:\.[\w$]{1,60}){1,5} is not a function",
)


def is_machine_message(text: str) -> bool:
    """Whether a text is what a program says of its failure without naming it an error."""
    text = text.strip()
    if not _SHORTEST <= len(text) <= _LONGEST:
        return False
    found = _PYTHON.fullmatch(text) or _NETWORK.fullmatch(text) or _MODELS.fullmatch(text) or _SHELLS.fullmatch(text)
    return found is not None
