"""The detached supervisor. Its only argument is JSON: ``{"home": …, "only": […], "ports": {…}, "token": true,
"report": fd}``.

It reports one line of JSON through the given pipe: ``{"started": true}``, ``{"joined": true}`` or ``{"error": {…}}``.
Its output goes to logs/stack.log.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from schemas.errors import WorkbenchError
from workbench.embedded.run import StackOptions, run_stack


def main(argument: str) -> int:
    given = json.loads(argument)
    report = _Report(given["report"])
    try:
        options = StackOptions(only=given["only"], ports=given["ports"], token=given["token"])
        if not run_stack(Path(given["home"]), options, on_started=lambda: report.send({"started": True})):
            report.send({"joined": True})
    except WorkbenchError as error:
        report.send({"error": error.info().model_dump(mode="json")})
        return 1
    return 0


class _Report:
    """The pipe to the process that started this one, used once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)  # with a server holding it open, the daemon would seem to be starting

    def send(self, message: dict[str, Any]) -> None:
        with os.fdopen(self._descriptor, "wb") as pipe:
            pipe.write(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
