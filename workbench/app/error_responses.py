"""Errors as HTTP responses: ``{error, code, details}`` with the status of the code."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from schemas.errors import WorkbenchError
from schemas.problem import invalid
from workbench.client.error_responses import status_and_body

SEE_DOCS = "Correct this field. /docs describes every call."


def error_response(error: WorkbenchError) -> JSONResponse:
    """The error as JSON."""
    status, body = status_and_body(error)
    headers = {"Retry-After": str(body["details"].get("retry_after_s", 2))} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="workbench"'
    return JSONResponse(body, status, headers=headers)


def register_errors(app: FastAPI) -> None:
    """Give the errors of all routes the same shape."""

    @app.exception_handler(WorkbenchError)
    async def workbench_error(_: Request, error: WorkbenchError) -> JSONResponse:
        return error_response(error)

    @app.exception_handler(RequestValidationError)
    async def validation_error(_: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(invalid(error.errors(), "request.invalid", remedy=SEE_DOCS))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # the client does not receive it; what it sent is removed

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "request.not_found", 405: "request.method"}.get(error.status_code, "request.invalid")
        body = {"error": str(error.detail), "code": code, "details": {}}
        return JSONResponse(body, error.status_code, headers=error.headers)
