"""The question of a job that waits for approval, with the commands that answer it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from schemas.approval import Question


def how_to_answer(job: str, question: Question) -> str:
    """The question for a user who watches the job, with the commands that answer it."""
    program = shlex.quote(this_program())
    text = "\n".join(f"    {line}" for line in question.text.splitlines())
    return (
        f"{question.sentence}\n\n{text}\n\n"
        f"  approve unchanged: {program} job approve {job}\n"
        f"  approve changed:   {program} job approve {job} --text '…'   (or --file FILE)\n"
        f"  reject:            {program} job approve {job} --reject 'why'"
    )


def this_program() -> str:
    """The command of this installation's ``workbench`` in the shell that started it."""
    program = Path(sys.prefix) / "bin" / "workbench"
    on_path = shutil.which("workbench")
    if not program.exists() or (on_path and Path(on_path).samefile(program)):
        return "workbench"
    below = program.is_relative_to(Path.cwd())
    return os.path.relpath(program) if below else str(program)
