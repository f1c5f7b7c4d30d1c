"""The API reference: Swagger UI from an installed package, so that the page loads nothing from other hosts."""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from schemas.errors import WorkbenchError

router = APIRouter(include_in_schema=False)

_OWN_FILES = ("reference.js",)
_SWAGGER_FILES = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")


def _web(name: str) -> Path:
    return Path(str(resources.files("workbench.web") / name))


@router.get("/docs")
def reference() -> FileResponse:
    """The page."""
    return FileResponse(_web("reference.html"), headers={"Cache-Control": "no-cache"})


@router.get("/docs/{name}")
def reference_file(name: str) -> FileResponse:
    """A file of the page. Raises WorkbenchError (request.not_found)."""
    if name in _OWN_FILES:
        return FileResponse(_web(name), headers={"Cache-Control": "no-cache"})
    if name in _SWAGGER_FILES:
        # Located without an import, because the package would import Flask.
        package = find_spec("flask_swagger_ui")
        if package is not None and package.origin is not None:
            return FileResponse(Path(package.origin).parent / "dist" / name, headers={"Cache-Control": "max-age=86400"})
    raise WorkbenchError(
        "request.not_found",
        "the API reference has no such file",
        where="docs",
        seen=name,
        allowed=[*_OWN_FILES, *_SWAGGER_FILES],
        remedy="Open /docs. If files are missing, install flask-swagger-ui.",
    )
