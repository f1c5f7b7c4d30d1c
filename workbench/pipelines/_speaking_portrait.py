"""A portrait that speaks: the builder and the inputs that several pipelines share. They differ only in their parts.

script ──> (review) ──┐
            (listen) ─┴─> speech ───────────────────────────┐
     (portrait) ──> (upscale a portrait) ──> (clip) ────────┴─> animate ──> (upscale a video) ──> (label) ──> remux
                                                                                                  ──> (evaluate)

The speech follows a voice sample if the pipeline takes one. The portrait is given, or made from the description of a
scene. The animation is that of a portrait or, in a pipeline with a clip, of a video. It receives the stage prompt if
its service takes one. A recording replaces script, review and speech.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol, runtime_checkable

from schemas.approval import MAX_TEXT_CHARS
from workbench.pipelines.sdk import Added, AudioRef, FileRef, FilledBy, ImageRef, Input, Output, PipelineGraph, Step

SHARP_ENOUGH = 768  # shorter side in px; a larger portrait gains nothing from the upscaler at the default size
SAID = "What is said"

Portrait = Annotated[
    ImageRef,
    Input(title="Portrait", description="Image file with a face; `sample` for the packaged one.", sample="sample"),
]
Prompt = Annotated[
    str,
    Input(
        title="Prompt",
        description="The topic of the script; a model writes it.",
        one_of=SAID,
        alternative="Write it for me",
        multiline=True,
        max_length=20_000,
        example="Explain in three short sentences why the sky is blue.",
    ),
]
Script = Annotated[
    str,
    Input(
        title="Script",
        description="The text to speak: numbers and signs as a person would read them, without mark-up and stage "
        "directions.",
        one_of=SAID,
        alternative="My own text",
        multiline=True,
        max_length=MAX_TEXT_CHARS,
        example="Good morning. This text is spoken word for word.",
        sample="Good morning.",
        filled_by=FilledBy("draft_script", {"prompt": "prompt"}, "Draft it now"),
    ),
]
Recording = Annotated[
    AudioRef | None,
    Input(
        title="Recording",
        description="A recording of the speech, instead of a prompt or a script.",
        one_of=SAID,
        alternative="My recording",
    ),
]
Approve = Annotated[
    bool,
    Input(
        title="Approve the script before rendering",
        description="Wait until a person approves the script before it is spoken.",
        needs=("prompt", "script"),
    ),
]

Label = Annotated[
    bool,
    Input(
        title="Visible label",
        description="Write “AI-generated” into the picture; the step's parameters change the words and the place.",
    ),
]


class SpeakingInputs(Protocol):
    """The inputs that the builder reads from every pipeline."""

    @property
    def portrait(self) -> ImageRef | None: ...
    @property
    def prompt(self) -> str: ...
    @property
    def script(self) -> str: ...
    @property
    def approve(self) -> bool: ...
    @property
    def label(self) -> bool: ...


@runtime_checkable
class WithRecording(Protocol):
    """A pipeline that can take a recording of the speech."""

    @property
    def audio(self) -> AudioRef | None: ...


@runtime_checkable
class WithScene(Protocol):
    """A pipeline that makes the portrait, where none is given, from a description."""

    @property
    def scene(self) -> str: ...


@runtime_checkable
class WithLoras(Protocol):
    """A pipeline whose models for the portrait and the clip take LoRAs."""

    @property
    def lora(self) -> FileRef | None: ...
    @property
    def clip_lora(self) -> FileRef | None: ...


@runtime_checkable
class WithVoice(Protocol):
    """A pipeline that speaks with the voice of a sample."""

    @property
    def voice(self) -> AudioRef: ...
    @property
    def ref_text(self) -> str: ...


SCRIPT = Step("script", "Script", "llm.generate_script", weight=2, from_inputs=("prompt", "script"))


REVIEW = Step("review", "Approval of the script", "review.script", weight=0)
LABEL = Step("label", "Visible label", "generate.label", weight=0.5)
REMUX = Step("remux", "Video file", "generate.remux", weight=0.5)


@dataclass(frozen=True)
class Parts:
    """The steps in which the pipelines differ."""

    speech: Step
    animate: Step
    make_portrait: Step | None = None
    clip: Step | None = None  # a video from the portrait, which the animation then takes
    script: Step = SCRIPT
    review: Step = REVIEW
    listen: Step | None = None  # transcribes the voice sample
    upscale_portrait: Step | None = None
    upscale_video: Step | None = None
    label: Step = LABEL
    remux: Step = REMUX
    evaluate: Step | None = None

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in an order in which they can run."""
        before = (self.script, self.review, self.listen, self.speech, self.make_portrait, self.upscale_portrait)
        after = (self.clip, self.animate, self.upscale_video, self.label, self.remux, self.evaluate)
        return tuple(step for step in (*before, *after) if step is not None)


def speaking_portrait(graph: PipelineGraph, inputs: SpeakingInputs, parts: Parts) -> None:
    """Add the steps for a video of a portrait that speaks."""
    recording = inputs.audio if isinstance(inputs, WithRecording) else None
    words = written(graph, inputs, parts) if recording is None else None
    speech = _spoken(graph, inputs, parts, words) if words is not None else None
    audio = recording if speech is None else speech.audio
    portrait = inputs.portrait or _made_portrait(graph, inputs, parts, words)
    image = _upscaled_portrait(graph, portrait, parts)
    stage = words.stage_prompt if words is not None and parts.animate.takes("stage_prompt") else None
    if parts.clip is not None and not graph.leaves_out(parts.clip):
        lora = inputs.clip_lora if isinstance(inputs, WithLoras) else None
        clip = graph.add(parts.clip, image=image, lora=lora).video
        video = graph.add(parts.animate, audio=audio, video=clip, stage_prompt=stage).video
    else:
        video = graph.add(parts.animate, audio=audio, image=image, stage_prompt=stage).video
    if parts.upscale_video is not None and not graph.leaves_out(parts.upscale_video):
        video = graph.add(parts.upscale_video, video=video).video
    if inputs.label:
        video = graph.add(parts.label, video=video).video
    made = graph.add(parts.remux, video=video, audio=audio)
    if parts.evaluate is not None and not graph.leaves_out(parts.evaluate):
        narration = speech.narration if speech is not None else None  # without it, the words cannot be compared
        graph.add(parts.evaluate, video=made.video, image=portrait, narration=narration)


def written(graph: PipelineGraph, inputs: SpeakingInputs, parts: Parts) -> Added:
    """The step with the narration: the script, or the script that a person approved."""
    text = {"script": inputs.script} if inputs.script else {"prompt": inputs.prompt}
    if inputs.prompt and graph.settings.llm_model:
        text["model"] = graph.settings.llm_model
    script = graph.add(parts.script, text)
    if not inputs.approve:
        return script
    return graph.add(
        parts.review,
        narration=script.narration,
        stage_prompt=script.stage_prompt,
        source=script.source,
        model=script.model,
    )


def _spoken(graph: PipelineGraph, inputs: SpeakingInputs, parts: Parts, words: Added) -> Added:
    if not isinstance(inputs, WithVoice):
        return graph.add(parts.speech, narration=words.narration)
    ref_text: str | Output = inputs.ref_text.strip()
    if not ref_text and parts.listen is not None:
        ref_text = graph.add(parts.listen, audio=inputs.voice).text
    return graph.add(parts.speech, narration=words.narration, voice=inputs.voice, ref_text=ref_text)


def _made_portrait(graph: PipelineGraph, inputs: SpeakingInputs, parts: Parts, words: Added | None) -> Output:
    """A portrait from the description of the scene: the person's, or what the model wrote with the script."""
    scene: str | Output = inputs.scene if isinstance(inputs, WithScene) else ""
    lora = inputs.lora if isinstance(inputs, WithLoras) else None
    assert parts.make_portrait is not None
    prompt = scene or (words.stage_prompt if words else None)
    return graph.add(parts.make_portrait, stage_prompt=prompt, lora=lora).image


def _upscaled_portrait(graph: PipelineGraph, portrait: ImageRef | Output, parts: Parts) -> ImageRef | Output:
    """The portrait, upscaled if it is small or the user set a parameter of the upscaler."""
    step = parts.upscale_portrait
    if step is None or isinstance(portrait, Output):
        return portrait
    short_side = min(portrait.width or 0, portrait.height or 0)
    if graph.leaves_out(step) or not (short_side < SHARP_ENOUGH or graph.sets(step)):
        return portrait
    scale = 4 if short_side * 4 <= 2 * SHARP_ENOUGH else 2
    return graph.add(step, {"scale": scale}, image=portrait).image
