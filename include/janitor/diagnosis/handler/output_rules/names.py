"""What workers and the programs behind them call the members of an answer. All names are in small letters."""

from __future__ import annotations

ENVELOPES = frozenset({"output", "result", "response", "data", "body", "payload"})
"""What holds an answer and says nothing of it."""
BATCHES = frozenset({"outputs", "results", "responses"})
"""The same for several; of one object alone nobody knows whether it tells of the job or of what it was about."""
OWN_HOLDERS = (ENVELOPES | BATCHES) | frozenset(
    {
        *(
            "reply",
            "answer",
            "answers",
            "item",
            "items",
            "batch",
            "job",
            "task",
            "meta",
            "metadata",
            "info",
        ),
        *("meta_info", "prediction", "predictions", "generation", "generations", "completion", "completions", "choice"),
        *("choices", "image", "images", "video", "videos", "audio", "audios", "embeddings", "transcription", "error"),
    }
)
"""Under these stands what the worker made, so that a state in there is its own."""
PRODUCTS = frozenset(
    {
        *(
            "image",
            "images",
            "image_url",
            "image_base64",
            "base64",
            "video",
            "videos",
            "audio",
            "audios",
            "frames",
            "mesh",
        ),
        *("output", "outputs", "result", "results", "response", "text", "generated_text", "answer", "completion"),
        *("embedding", "embeddings", "transcription", "caption", "captions", "url", "urls"),
    }
)
"""What is made rather than found: a list of these that is empty beside a null says that nothing was made."""
MADE = frozenset(
    {
        *("image", "images", "video", "videos", "audio", "audios", "frames", "mesh", "embedding", "embeddings"),
        *("choices", "generations", "completions"),
    }
)
"""Of these nobody wants an empty list even alone."""

ERROR_TEXTS = frozenset(
    {
        *("error_message", "error_msg", "errormessage", "error_traceback", "traceback", "exception"),
        *("error_detail", "error_details", "error_description", "err", "err_msg", "errmsg"),
    }
)
"""What the SDK and workers call the parts of an error."""
MANY_ERRORS = "*errors"
"""Stands for any longer name that ends so, such as ComfyUI's `node_errors`."""
ERROR_NAMES = frozenset({"error", "errors"}) | ERROR_TEXTS

STATES = frozenset({"status", "state", "status_str", "result_status", "job_status"})
HTTP_CODES = frozenset({"status", "status_code", "statuscode", "http_status"})
EXPLAINED_CODES = HTTP_CODES | {"code"}
"""A `code` may be anything; beside a message it is how servers number what went wrong."""
ERROR_CODES = frozenset({"error_code", "errorcode", "err_code", "errcode"})
SUCCESS_FLAGS = frozenset({"success", "succeeded"})
FAILURE_FLAGS = frozenset({"failed", "is_error", "has_error"})
KINDS = frozenset({"object", "type"})
EXPLANATIONS = frozenset({"message", "msg", "reason", "detail", "details", "description"})
ALONE = EXPLANATIONS | ENVELOPES | {"info"}
"""Where a text that is the only one of an answer is what the worker has to say."""

SUBJECTS = frozenset(
    {
        *(
            "name",
            "title",
            "check",
            "job",
            "step",
            "test",
            "rule",
            "file",
            "filename",
            "filepath",
            "path",
            "url",
            "uri",
        ),
        *("href", "link", "host", "hostname", "domain", "endpoint", "service", "component", "module", "package"),
        *("target", "field", "product", "sku", "order", "user", "account", "transaction", "metric", "label", "site"),
    }
)
"""Whose name stands beside a state: the answer then tells of that, not of itself."""
REMOTE = frozenset({"url", "uri", "href", "link", "host", "hostname", "domain", "endpoint", "site", "service"})
"""Of them what is somewhere else, of which any state and any failure of a network may be told."""
TESTED = frozenset({"check", "job", "step", "test", "rule", "metric", "field", "account", "transaction", "order"})
"""Of them what fails or is wrong without any fault of the worker that tells of it."""
PLACES = frozenset(
    {
        *("line", "lineno", "line_number", "column", "col", "offset", "position", "span", "range", "location"),
        *("start_line", "startline", "suggestion", "suggestions", "replacement", "replacements"),
        *("ruleid", "rule_id", "severity", "row", "snippet"),
    }
)
"""Where in an input something was found, and what belongs there instead."""
NOT_TOLD = (
    ERROR_NAMES
    | STATES
    | EXPLAINED_CODES
    | ERROR_CODES
    | SUCCESS_FLAGS
    | FAILURE_FLAGS
    | KINDS
    | EXPLANATIONS
    | frozenset(
        {
            *("id", "job_id", "jobid", "request_id", "requestid", "uuid", "model", "version", "timestamp", "created"),
            *(
                "created_at",
                "date",
                "time",
                "duration",
                "elapsed",
                "worker",
                "device",
                "seed",
                "ok",
                "warning",
                "warnings",
            ),
        }
    )
)
"""What is no answer by itself: the state, whose it is, and when."""
JUDGED = frozenset(
    {"passed", "valid", "is_valid", "live", "verified", "approved", "matched", "compiles", "accepted", "correct"}
)
"""True or false, the answer of a worker that examines something."""
STEPS = frozenset(
    {"steps", "trace", "traces", "attempts", "tool_calls", "actions", "turns", "history", "intermediate_steps"}
)
"""What an agent did on its way to an answer; one that went wrong is part of the way."""
KEPT_BESIDE = frozenset(
    {
        *(
            "seconds",
            "took",
            "latency",
            "execution_time",
            "executiontime",
            "delaytime",
            "delay_time",
            "processing_time",
        ),
        *("inference_time", "total_time", "time_taken", "elapsed_time", "elapsed_ms", "duration_ms", "runtime"),
        *("worker_id", "workerid", "hint", "help", "param", "retry", "retries", "retry_after", "refresh_worker"),
        *("messages", "log", "logs", "stderr", "stdout", "progress", "trace_id", "endpoint_id", "stage"),
    }
)
"""What servers put beside a state, besides `NOT_TOLD`: how long it took, and what was printed."""
EXIT_CODES = frozenset({"returncode", "return_code", "exit_code", "exitcode", "exit_status", "rc"})
ERROR_STREAMS = frozenset({"stderr", "err_output", "error_output", "logs", "log"})
OUTPUT_STREAMS = frozenset({"stdout", "out"})
FINISH_REASONS = frozenset({"finish_reason", "finishreason", "stop_reason", "stopreason", "finish_details"})
