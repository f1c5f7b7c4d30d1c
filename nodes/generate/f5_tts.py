"""Speech in the voice of a recording, by F5-TTS.

Source: SWivid/F5-TTS 1.1, code MIT; its published weights are CC BY-NC 4.0: for research, not for commercial use. It
runs in the environment of the engine ``f5`` (workbench engines install f5), with installed models: a checkpoint with
its vocabulary, and the vocoder Vocos (MIT). Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes._spoken.letters import refuse_wordless, speakable
from nodes._spoken.reading import read
from nodes.sdk import MAX_TEXT_CHARS, AudioRef, Context, Field, ModelName, NodeError, NodeModel, Resources, node


class Params(NodeModel):
    model: ModelName = Field("f5tts-v1-base", min_length=1, description="The checkpoint: an installed model.")
    vocoder: ModelName = Field("vocos-mel-24khz", min_length=1, description="The vocoder: an installed model.")
    architecture: str = Field(
        "F5TTS_v1_Base", pattern=r"^[A-Za-z0-9_]{1,40}$", description="F5-TTS's name of the network of the checkpoint."
    )
    english: bool = Field(
        True, description="Read numbers and signs as English words; off for a checkpoint of another language."
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        description="Where it runs; auto takes a GPU if there is one.",
    )
    speed: float = Field(1.0, ge=0.3, le=2.0, description="Speaking rate: 1 is as in the recording.")
    steps: int = Field(32, ge=4, le=128, description="Sampling steps: more steps are slower and cleaner.")
    guidance: float = Field(2.0, ge=0, le=10, description="Strength of classifier-free guidance towards the text.")
    sway: float = Field(-1.0, ge=-1, le=1, description="Sway sampling coefficient; -1 puts more steps at the start.")
    cross_fade_s: float = Field(0.15, ge=0, le=1, description="Overlap of the pieces of a long text, in seconds.")
    target_rms: float = Field(0.1, gt=0, le=1, description="RMS level to which the recording is normalised.")
    remove_silence: bool = Field(False, description="Cut long pauses.")


class Inputs(NodeModel):
    narration: str = Field(
        min_length=1,
        max_length=MAX_TEXT_CHARS,
        description="The text to speak, without its mark-up and stage directions.",
    )
    voice: AudioRef = Field(description="A clear recording of the voice, a few seconds long; at most 12 s are used.")
    ref_text: str = Field(min_length=1, max_length=2000, description="Transcript of the recording.")


class Outputs(NodeModel):
    audio: AudioRef = Field(description="The speech as WAV, mono.")
    narration: str = Field(description="What is said: in words if it is English, without mark-up and stage directions.")


def check(params: Params, inputs: dict[str, Any]) -> None:
    """Reject at submit a text without words, if the text is already known."""
    if isinstance(inputs.get("narration"), str):
        refuse_wordless(inputs["narration"])


@node(
    "generate.f5_tts",
    version="3.0.0",
    title="F5-TTS voice cloning",
    category="Speech",
    tags=("tts", "voice cloning", "gpu"),
    plane="data",
    pool="f5",
    resources=Resources(gpu=1, vram_gib=4, timeout_s=3600),
    seeded=True,
    check=check,
    packages=("f5-tts", "torch", "vocos"),
    models=("model", "vocoder"),
    advanced=("architecture", "vocoder", "target_rms", "cross_fade_s", "sway"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text and recording -> (N,) samples. The same seed on the same kind of device gives the same speech.

    Raises NodeError (node.model_unavailable) if the model has no checkpoint or no vocabulary.
    """
    folder = ctx.weights(params.model)
    checkpoint = _only(folder, params.model, "*.safetensors", "*.pt")
    vocab = _only(folder, params.model, "vocab.txt")
    vocoder = ctx.weights(params.vocoder)

    def load() -> Any:
        from f5_tts.api import F5TTS  # type: ignore[import-not-found, unused-ignore]

        return F5TTS(
            model=params.architecture,
            ckpt_file=checkpoint,
            vocab_file=vocab,
            vocoder_local_path=str(vocoder),
            device=None if params.device == "auto" else params.device,
        )

    refuse_wordless(inputs.narration)
    engine = ctx.model(f"f5/{params.architecture}/{checkpoint}/{params.device}", load, vram_gib=4)
    narration = _said(inputs.narration, english=params.english)
    target = ctx.workdir / "speech.wav"
    ctx.progress(0, 1)
    engine.infer(
        ref_file=str(ctx.open(inputs.voice)),
        ref_text=inputs.ref_text,  # an empty text would make it download a speech recogniser
        gen_text=narration,
        show_info=lambda *_: None,
        target_rms=params.target_rms,
        cross_fade_duration=params.cross_fade_s,
        sway_sampling_coef=params.sway,
        cfg_strength=params.guidance,
        nfe_step=params.steps,
        speed=params.speed,
        remove_silence=params.remove_silence,
        file_wave=str(target),
        seed=ctx.seed % 2**32,
    )
    ctx.progress(1, 1)
    return Outputs(audio=ctx.save(target, "audio", name="speech.wav"), narration=narration)


def _said(narration: str, *, english: bool) -> str:
    """In words, but for sentences of another language: how their numbers are read is left to the model."""
    sentences = read(narration).sentences
    return " ".join(one.words if english and speakable(one.written) else one.written for one in sentences)


def _only(folder: Path, name: str, *patterns: str) -> str:
    """The only file of a model that matches the first pattern that any file matches."""
    for pattern in patterns:
        if found := sorted(folder.glob(pattern)):
            break
    if len(found) != 1:
        raise NodeError(
            f"the model {name} does not have exactly one file {patterns[0]}",
            code="node.model_unavailable",
            where=f"params.model: {folder}",
            seen=", ".join(path.name for path in found) or "none",
            allowed=f"one file {' or '.join(patterns)}",
            remedy="Install a model of F5-TTS: `workbench models list`.",
        )
    return str(found[0])
