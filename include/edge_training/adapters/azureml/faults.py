"""The names of what goes wrong at an Azure Machine Learning workspace.

azureml-core wraps the services' answers in exceptions of several families, and `str` of some of them raises;
so status, headers and body are read from the innermost answer that an exception carries.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edge_training.adapters.causes import causes
from edge_training.adapters.patience import RETRY_AFTER
from edge_training.errors import EdgeError, ModelRegistryRefused, ModelRegistryUnavailable

_REASON_LENGTH = 300
_SIGNATURE = re.compile(r"\bsig=[^&\s'\"]*")
_PRINTED_STATUS = re.compile(r"Response Code: (\d{3})")
"""How azureml-core tells what the resource provider answered when it throws the answer away."""
_QUOTA = ("quota", "limitexceeded")
"""Words of the codes that a subscription at its limit is told."""


@dataclass(frozen=True)
class Answer:
    """What a service answered.

    Attributes:
        status: HTTP status.
        code: The service's word for it; empty when there is none.
        reason: What it says.
        retry_after_s: How long it asks us to wait.
    """

    status: int
    code: str
    reason: str
    retry_after_s: float = 0.0


def named(workspace: str, principal: str, error: BaseException) -> EdgeError:
    """The name of an exception of the clients.

    Args:
        workspace: Path of the workspace.
        principal: Id of who asked.
        error: What a client raised.
    """
    if _is_untrusted(error):
        return ModelRegistryRefused(
            f"The certificate of a host of {workspace} is not trusted; give its authority in the "
            "connection's `ca_file`."
        )
    answer = answer_of(error)
    if answer is None:
        return ModelRegistryUnavailable(
            f"Azure Machine Learning does not answer for {workspace} ({said(error)}); mend the network."
        )
    return refused(workspace, principal, answer)


def refused(workspace: str, principal: str, answer: Answer) -> EdgeError:
    """The name of a bad answer."""
    told = f"({answer.status} {answer.code}: {answer.reason})"
    if any(word in answer.code.lower() for word in _QUOTA):
        return ModelRegistryRefused(
            f"A quota of {workspace} is used up {told}; delete what is no longer needed, or have the quota "
            "raised in the Azure portal."
        )
    if answer.status in (408, 429) or answer.status >= 500:
        return ModelRegistryUnavailable(
            f"Azure Machine Learning is too busy or out of order for {workspace} {told}; try again later.",
            {RETRY_AFTER: answer.retry_after_s},
        )
    if answer.status in (401, 403):
        return ModelRegistryRefused(
            f"Azure Machine Learning refuses the service principal {principal!r} at {workspace} {told}; "
            "renew its secret, set the clock right, or give it the role AzureML Data Scientist there."
        )
    if answer.status == 404:
        return ModelRegistryRefused(
            f"{workspace} or something in it was not found {told}; correct subscription, resource group and "
            "workspace in the connection, or make what is missing."
        )
    return ModelRegistryRefused(
        f"Azure Machine Learning refuses the request at {workspace} {told}; correct the name, tag or "
        "parameter it names."
    )


def login_refused(workspace: str, tenant: str, principal: str, error: BaseException) -> EdgeError:
    """The name of a login that failed."""
    answer = answer_of(error)
    if answer is not None and (answer.status in (408, 429) or answer.status >= 500):
        return refused(workspace, principal, answer)
    return ModelRegistryRefused(
        f"The directory {tenant!r} does not let the service principal {principal!r} in ({said(error)}); "
        "correct tenant, client id and secret in the connection, or make a new secret."
    )


def experiment_gone(name: str) -> ModelRegistryRefused:
    """What to say when a model has versions and no experiment, whose tag names the champion."""
    return ModelRegistryRefused(
        f"The experiment {name} is gone from Azure Machine Learning, and with it the runs of its models; "
        "restore it in the studio."
    )


def answer_of(error: BaseException) -> Answer | None:
    """The answer that an exception, or one behind it, carries; None when the service did not answer."""
    for response in _responses(error):
        code, reason = _told(_text(response))
        return Answer(int(response.status_code), code, reason, _retry_after_s(response))
    printed = _PRINTED_STATUS.search(_text_of(error))
    return Answer(int(printed[1]), "", said(error)) if printed else None


def is_status(error: BaseException, *statuses: int) -> bool:
    """Whether an exception stands for one of these answers."""
    answer = answer_of(error)
    return answer is not None and answer.status in statuses


def said(error: BaseException) -> str:
    """What the innermost exception says; some of azureml-core's cannot be printed."""
    *_, first = causes(error)
    return f"{type(first).__name__}: {_short(_text_of(first))}"


def _text_of(error: BaseException) -> str:
    with suppress(Exception):  # a fault of azureml-core's: ServiceException.__str__ reads what may be missing
        return str(error)
    return ""


def _responses(error: BaseException) -> Iterator[Any]:
    for cause in causes(error):
        response = getattr(cause, "response", None)
        if getattr(response, "status_code", None) is not None:
            yield response


def _is_untrusted(error: BaseException) -> bool:
    return any("certificate verify failed" in said(cause).lower() for cause in causes(error))


def _text(response: Any) -> str:
    """The body; requests has it as an attribute, msrest and azure-core as a method."""
    text = response.text
    return str(text() if callable(text) else text)


def _told(body: str) -> tuple[str, str]:
    """Code and sentence of a body, in whichever of the services' shapes."""
    try:
        found = json.loads(body)
    except ValueError:
        return "", _short(body)
    while isinstance(found, dict) and isinstance(found.get("error"), dict):
        found = found["error"]
    if not isinstance(found, dict):
        return "", _short(body)
    return _innermost_code(found), _short(str(found.get("message") or ""))


def _innermost_code(error: Mapping[str, Any]) -> str:
    """The most exact of the codes; the outer ones of the data plane say no more than `UserError`."""
    inner = error.get("innerError")
    return (_innermost_code(inner) if isinstance(inner, dict) else "") or str(error.get("code") or "")


def _short(text: str) -> str:
    """A text in one line, without the signature that an address in it may have."""
    return _SIGNATURE.sub("sig=...", " ".join(text.split()))[:_REASON_LENGTH]


def _retry_after_s(response: Any) -> float:
    try:
        return float(response.headers.get("Retry-After", 0))
    except ValueError:
        return 0.0  # a date; the usual pauses will do
