"""How each of Azure's services words a refusal.

Sources: the resource manager's body is that of "Common error response for all Azure Resource Manager APIs";
the data plane's is `azureml/_restclient/models/error_response.py`, model management's
`model_error_response.py` beside it; blob storage's is "Status and error codes" of its REST documentation;
MLflow's is an error
that a workspace has answered, in github.com/mlflow/mlflow/issues/11462 (its words for other statuses than 400
are those of `mlflow/exceptions.py`); the login's is section 5.2 of RFC 6749.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from starlette.responses import JSONResponse, Response


class Refused(Exception):
    """A request is not done.

    Attributes:
        status: HTTP status.
        code: The service's own word for the reason.
        message: Its sentence.
        headers: Further headers of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, dict(headers or {})


_WORDS_OF_MLFLOW = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}

Wording = Callable[[Refused], Response]


def resource_manager(refused: Refused) -> Response:
    """As the resource manager answers."""
    return _json(refused, {"error": {"code": refused.code, "message": refused.message}})


def data_plane(refused: Refused) -> Response:
    """As history, metrics and artifacts answer."""
    kind = "UserError" if refused.status < 500 else "ServiceError"
    root = {
        "code": kind,
        "message": refused.message,
        "details": [],
        "innerError": {"code": refused.code},
    }
    told = {key.lower(): value for key, value in _circumstances().items()}
    return _json(refused, {"error": root, **told})


def model_management(refused: Refused) -> Response:
    """As model management answers."""
    return _json(
        refused,
        {
            "code": refused.code,
            "statusCode": refused.status,
            "message": refused.message,
            "details": [{"code": refused.code, "message": refused.message}],
            "correlation": {"RequestId": str(uuid.uuid4())},
        },
    )


def mlflow(refused: Refused) -> Response:
    """As the workspace's MLflow answers."""
    empty = ("Severity", "MessageFormat", "MessageParameters", "ReferenceCode", "DetailsUri", "Target")
    error = {"Code": refused.code, "Message": refused.message, **dict.fromkeys(empty), "Details": []}
    body = {"Error": error, **_circumstances(), "ComponentName": "mlflow"}
    word = _WORDS_OF_MLFLOW.get(refused.status, "INTERNAL_ERROR")
    return _json(refused, body | {"statusCode": refused.status, "error_code": word})


def login(refused: Refused) -> Response:
    """As the login answers."""
    return _json(refused, {"error": refused.code, "error_description": refused.message})


def blob_storage(refused: Refused) -> Response:
    """As blob storage answers."""
    body = (
        '<?xml version="1.0" encoding="utf-8"?><Error>'
        f"<Code>{escape(refused.code)}</Code><Message>{escape(refused.message)}</Message></Error>"
    )
    headers = {**refused.headers, "x-ms-error-code": refused.code}
    return Response(body, refused.status, headers, media_type="application/xml")


def _circumstances() -> dict[str, Any]:
    """Where and when a request was refused."""
    return {
        "Correlation": {"operation": uuid.uuid4().hex, "request": uuid.uuid4().hex[:16]},
        "Environment": "standin",
        "Location": "westeurope",
        "Time": datetime.now(UTC).isoformat(),
    }


def _json(refused: Refused, body: dict[str, Any]) -> Response:
    return JSONResponse(body, refused.status, refused.headers)
