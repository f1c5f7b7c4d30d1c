"""Ask a person to approve the script, or to correct it, before anything is spoken or rendered.

Source: own work, licence Apache-2.0. The job waits without a worker until the person has decided. What was approved is
also kept as a text artifact; where the person changed it, the artifact names them as its author.
"""

from __future__ import annotations

from typing import Literal

from nodes.sdk import Context, Field, NodeModel, Question, Resources, TextRef, node


class Params(NodeModel):
    request: str = Field(
        "Approve the script before it is spoken.", min_length=1, max_length=300, description="What the person is asked."
    )


class Inputs(NodeModel):
    narration: str = Field(min_length=1, max_length=20_000, description="The script as it was written.")
    stage_prompt: str = Field("", max_length=20_000, description="How the speaker looks and acts; handed on as it is.")
    source: Literal["person", "model"] = Field("person", description="Who wrote the narration.")
    model: str = Field("", max_length=200, description="The model that wrote it; empty for a person's script.")


class Outputs(NodeModel):
    narration: str = Field(description="What is said: the approved text.")
    stage_prompt: str = Field(description="How the speaker looks and acts, for video models.")
    source: Literal["person", "model"] = Field(description="Who wrote the narration: a person, where one changed it.")
    model: str = Field(description="The model that wrote it; empty for a person's text.")
    script: TextRef = Field(description="The approved text as an artifact; its author is the person who changed it.")
    edited: bool = Field(description="Whether the person changed the text.")
    approved_by: str = Field(description="Who approved it.")
    approved_at: float = Field(description="When: UTC, seconds since 1970.")


@node(
    "review.script",
    version="1.0.0",
    title="Script approval",
    category="Script",
    tags=("approval", "person"),
    plane="control",
    asks=True,
    resources=Resources(timeout_s=120),
    advanced=("request",),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text -> the text that a person approved.

    Raises WorkbenchError (review.rejected) when the person did not.
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
