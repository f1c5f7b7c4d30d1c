"""Errors as HTTP answers: ``{error, code, details}`` with the status that fits the code."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from schemas.errors import WorkbenchError
from schemas.problem import invalid
from workbench.client.error_responses import error_response

SEE_DOCS = "Correct that field; /docs describes every call."


def error_answer(error: WorkbenchError) -> JSONResponse:
    """The error as JSON."""
    status, body = error_response(error)
    headers = {"Retry-After": str(body["details"].get("retry_after_s", 2))} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="workbench"'
    return JSONResponse(body, status, headers=headers)


def register_errors(app: FastAPI) -> None:
    """Let every route answer errors in one shape."""

    @app.exception_handler(WorkbenchError)
    async def known(_: Request, error: WorkbenchError) -> JSONResponse:
        return error_answer(error)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        return error_answer(invalid(error.errors(), "request.invalid", remedy=SEE_DOCS))

    @app.exception_handler(HTTPException)
    async def plain(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "request.not_found", 405: "request.method"}.get(error.status_code, "request.invalid")
        body = {"error": str(error.detail), "code": code, "details": {}}
        return JSONResponse(body, error.status_code, headers=error.headers)
