"""The node functions of a talking head called one after the other in one warm process: what a script without the
workbench would do. Reads a seed a line on stdin, answers with wall and CPU seconds as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from nodes._samples import sample_portrait
from nodes.context import Context
from nodes.local import FolderHost, run_locally
from nodes.model_cache import ModelCache
from nodes.registry import services


def make_video(folder: Path, models: ModelCache, script: str, seed: int) -> Path:
    """Script -> speech -> animation -> file, in one process; returns the mp4."""
    host = FolderHost(folder)
    declared = services()

    def call(service: str, params: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
        workdir = folder / f"{service}-{time.monotonic_ns()}"
        ctx = Context(host, workdir=workdir, models=models, seed=seed)
        output = run_locally(declared[service].run, ctx, params, inputs)
        result: dict[str, Any] = output.model_dump(mode="json")
        return result

    portrait_path = sample_portrait(folder)
    ctx = Context(host, workdir=folder / "portrait", models=models)
    portrait = ctx.save(portrait_path, "image").model_dump(mode="json")
    words = call("llm.generate_script", {"script": script}, {})
    speech = call("generate.hibari_tts", {}, {"narration": words["narration"]})
    spoken = {"audio": speech["audio"], "phonemes": speech["phonemes"]}
    animation = call("generate.portrait_animation", {}, {"image": portrait, **spoken})
    video = call("generate.remux", {}, {"video": animation["video"], "audio": speech["audio"]})
    return folder / video["video"]["sha256"]


def serve(folder: Path, script: str) -> None:
    """Answer each seed on stdin."""
    models = ModelCache()
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        make_video(folder, models, script, int(line))
        print(json.dumps({"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
