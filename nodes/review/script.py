"""Ask a person to approve or correct the script before anything is spoken or rendered.

Source: own work, licence Apache-2.0. The job waits without occupying a worker until the person decides. The approved
text is also stored as a text artifact. If the person changed it, the artifact names them as its author.
"""

from __future__ import annotations

from typing import Literal

from nodes.sdk import MAX_TEXT_CHARS, Context, Field, NodeModel, Question, Resources, TextRef, node


class Params(NodeModel):
    request: str = Field(
        "Approve the script before it is spoken.", min_length=1, max_length=300, description="The question."
    )


class Inputs(NodeModel):
    narration: str = Field(min_length=1, max_length=MAX_TEXT_CHARS, description="The script to approve.")
    stage_prompt: str = Field("", max_length=20_000, description="How the speaker looks and acts; passed on unchanged.")
    source: Literal["person", "model"] = Field("person", description="Whether a person or a model wrote the narration.")
    model: str = Field("", max_length=200, description="The model that wrote it; empty for a person's script.")


class Outputs(NodeModel):
    narration: str = Field(description="The approved text to speak.")
    stage_prompt: str = Field(description="How the speaker looks and acts, for video models.")
    source: Literal["person", "model"] = Field(description="Who wrote the narration: a person, if one changed it.")
    model: str = Field(description="The model that wrote it; empty for a person's text.")
    script: TextRef = Field(description="The approved text as an artifact; its author is the person who changed it.")
    edited: bool = Field(description="Whether the person changed the text.")
    approved_by: str = Field(description="The person who approved it.")
    approved_at: float = Field(description="Time of the approval: UTC, seconds since 1970.")


@node(
    "review.script",
    version="1.0.0",
    title="Script approval",
    category="Script",
    tags=("approval", "person"),
    plane="control",
    asks=True,
    same_subject={"narration": "narration"},
    resources=Resources(timeout_s=120),
    advanced=("request",),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text -> the text that a person approved.

    Raises WorkbenchError (review.rejected) if the person rejected it.
    """
    decision = ctx.ask(Question(sentence=params.request, text=inputs.narration))
    author = decision.author if decision.edited else None
    script = ctx.save(decision.text.encode(), "text", name="approved-script.txt", author=author)
    return Outputs(
        narration=decision.text,
        stage_prompt=inputs.stage_prompt,
        source="person" if decision.edited else inputs.source,
        model="" if decision.edited else inputs.model,
        script=script,
        edited=decision.edited,
        approved_by=decision.author,
        approved_at=decision.at,
    )
