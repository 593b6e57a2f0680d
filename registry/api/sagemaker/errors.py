"""Errors as the wire says them, and the one table from domain refusals to wire errors."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from registry.accounts.permissions import NotAllowed
from registry.catalog.errors import AlreadyExists, Conflict, LimitReached, NotFound, Refused, RulesNotMet

# The errors that botocore's model names: typed SDKs read their text from `Message` (contract 4.1).
_MODELLED = frozenset({"ConflictException", "ResourceLimitExceeded", "ResourceNotFound", "ResourceInUse"})


class WireError(Exception):
    """An answer that refuses: `code` goes into __type, `status` is the HTTP status (contract 4.2)."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status

    def body(self) -> dict[str, Any]:
        answer = {"__type": self.code, "message": self.message}
        if self.code in _MODELLED:
            answer["Message"] = self.message
        return answer


def invalid(message: str) -> WireError:
    """ValidationException: whatever the caller sent wrong, things that do not exist included."""
    return WireError("ValidationException", message)


def group_missing(arn: str) -> WireError:
    return invalid(f"ModelPackageGroup {arn} does not exist.")


def package_missing(arn: str) -> WireError:
    return invalid(f"ModelPackage {arn} does not exist.")


# The services' names of a decision's members, where the wire has others.
_MEMBERS = {"approval_status": "ModelApprovalStatus", "comment": "ApprovalDescription"}


def _sentences(error: ValidationError) -> str:
    if hasattr(error, "error_dict"):
        return " ".join(f"{_MEMBERS.get(name, name)}: {' '.join(said)}" for name, said in error.message_dict.items())
    return " ".join(error.messages)


def from_domain(error: Exception, *, caller: str, operation: str, resource: str) -> WireError | None:
    """The wire error for a refusal of the services; None for anything that is no refusal."""
    match error:
        case WireError():
            return error
        case NotAllowed():
            text = f"User: {caller} is not authorized to perform: sagemaker:{operation} on resource: {resource}"
            return WireError("AccessDeniedException", f"{text}. {error}")
        case AlreadyExists(existing=existing) if existing is not None and existing._meta.model_name == "modelpackage":
            return invalid(f"ModelPackage already exists: {existing.arn}")
        case AlreadyExists(existing=existing) if existing is not None:
            return invalid(f"Model Package Group already exists: {existing.arn}")
        case Conflict():
            return WireError("ConflictException", str(error))
        case LimitReached():
            return WireError("ResourceLimitExceeded", str(error))
        case NotFound() | Refused():
            return invalid(str(error))
        case RulesNotMet():
            # The words of the browser and the admin pages, as they are.
            return invalid(error.words)
        case ValidationError():
            return invalid(_sentences(error))
    return None
