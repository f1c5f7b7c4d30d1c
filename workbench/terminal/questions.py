"""What a job asks a person, and how it is answered from a shell."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from schemas.approval import Question


def how_to_answer(job: str, question: Question) -> str:
    """What a person reads who watches the job."""
    program = shlex.quote(this_program())
    text = "\n".join(f"    {line}" for line in question.text.splitlines())
    return (
        f"{question.sentence}\n\n{text}\n\n"
        f"  as it is:   {program} job approve {job}\n"
        f"  changed:    {program} job approve {job} --text '…'   (or --file FILE)\n"
        f"  not at all: {program} job approve {job} --reject 'why'"
    )


def this_program() -> str:
    """What to type for this installation's ``workbench`` in the shell that started it."""
    program = Path(sys.prefix) / "bin" / "workbench"
    on_path = shutil.which("workbench")
    if not program.exists() or (on_path and Path(on_path).samefile(program)):
        return "workbench"
    below = program.is_relative_to(Path.cwd())
    return os.path.relpath(program) if below else str(program)
