"""Speech in the voice of a recording, by F5-TTS.

Source: SWivid/F5-TTS 1.1, code MIT; its published weights are CC BY-NC 4.0: for research, not for commercial use. It
runs in the environment of the engine ``f5`` (workbench engines install f5). Nothing is downloaded: WORKBENCH_F5_CHECKPOINT, WORKBENCH_F5_VOCODER (a folder with Vocos) and, for another alphabet,
WORKBENCH_F5_VOCAB name local files, and WORKBENCH_F5_MODEL names the architecture (F5TTS_v1_Base).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes._spoken.letters import refuse_wordless, speakable
from nodes._spoken.reading import read
from nodes.sdk import MAX_TEXT_CHARS, AudioRef, Context, Field, NodeError, NodeModel, NodeUnavailable, Resources, node


class Params(NodeModel):
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
    version="2.0.0",
    title="F5-TTS voice cloning",
    category="Speech",
    tags=("tts", "voice cloning", "gpu"),
    plane="data",
    pool="f5",
    resources=Resources(gpu=1, vram_gib=4, timeout_s=3600),
    seeded=True,
    check=check,
    cache=False,  # the checkpoint is a file on the worker's machine, which is not part of the content key
    weights=("f5-tts",),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text and recording -> (N,) samples. The same seed on the same machine gives the same speech.

    Raises NodeError if a required local file is not configured or does not exist.
    """
    checkpoint = _local(ctx, "f5_checkpoint", "checkpoint (e.g. model_1250000.safetensors)")
    vocoder = _local(ctx, "f5_vocoder", "vocoder folder (with config.yaml and pytorch_model.bin)")
    vocab = _local(ctx, "f5_vocab", "vocabulary") if ctx.setting("f5_vocab") else ""
    name = ctx.setting("f5_model", "F5TTS_v1_Base")

    def load() -> Any:
        from f5_tts.api import F5TTS  # type: ignore[import-not-found, unused-ignore]

        return F5TTS(model=name, ckpt_file=checkpoint, vocab_file=vocab, vocoder_local_path=vocoder, device=ctx.device)

    try:
        engine = ctx.model(f"f5/{name}/{checkpoint}", load, vram_gib=4)
    except ModuleNotFoundError as error:
        raise NodeUnavailable(
            "F5-TTS is not installed in this worker's environment",
            code="node.missing_package",
            seen=str(error),
            remedy="Run `workbench engines install f5` on the worker's machine.",
        ) from error
    refuse_wordless(inputs.narration)
    narration = _said(inputs.narration, english=not vocab)
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


def _local(ctx: Context, setting: str, what: str) -> str:
    path = ctx.setting(setting)
    if not path or not Path(path).exists():
        raise NodeError(
            f"the {what} of F5-TTS is not available",
            code="node.model_unavailable",
            where=f"WORKBENCH_{setting.upper()}",
            seen=path or "not set",
            allowed="an existing local path",
            remedy="Put it on the machine of the f5 worker and set the variable there.",
        )
    return path
