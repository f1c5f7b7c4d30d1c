"""Speak a narration with an English voice, and return the time of each phoneme.

Source: hibari-tts 0.2.1 by Maureese Williams (code and voice), licence Apache-2.0; distilled from
Kokoro-82M, Apache-2.0.
The voice is US English, female, 24 kHz, and runs on one CPU core at about 50 times real time. Each sentence is a part:
the animation starts with the first one, and after a crash the work continues after the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes._speech import Phoneme, Word
from nodes._spoken.letters import refuse_unreadable
from nodes._spoken.reading import read
from nodes._spoken.warnings import warnings_for
from nodes.sdk import MAX_TEXT_CHARS, AudioRef, Context, Field, NodeModel, Resources, node

if TYPE_CHECKING:
    from nodes._spoken.reading import SpokenSentence


class Params(NodeModel):
    speed: float = Field(1.0, ge=0.5, le=2.0, description="Speaking rate; 2 is twice as fast.")
    pause_s: float = Field(0.35, ge=0, le=2, description="Silence between sentences, in seconds.")
    lead_in_s: float = Field(0.15, ge=0, le=5, description="Silence before the first word, in seconds.")
    tail_s: float = Field(0.25, ge=0, le=5, description="Silence after the last word, in seconds.")
    gain_db: float = Field(8.0, ge=-20, le=12, description="Gain in dB; 8 brings the voice to about -19 dBFS.")


class Inputs(NodeModel):
    narration: str = Field(
        min_length=1,
        max_length=MAX_TEXT_CHARS,
        description="English text to speak. Mark-up and stage directions are not spoken, but <break>, <emphasis>, "
        "<say-as> and [pause] have their effect; [word](/phonemes/) sets a pronunciation.",
    )


class Sentence(NodeModel):
    """One sentence of the narration with its time span."""

    text: str = Field(description="The sentence as written, without mark-up.")
    said: str = Field(description="The sentence as it is said: numbers, signs and abbreviations in words.")
    start_s: float = Field(ge=0, description="Start of its first phoneme, in seconds from the start of the audio.")
    end_s: float = Field(ge=0, description="End of its last phoneme, in seconds from the start of the audio.")


class Part(NodeModel):
    """One sentence and the pause before it."""

    audio: AudioRef = Field(description="The samples that follow those of the parts before.")
    phonemes: list[Phoneme] = Field(
        description="Its phonemes and pauses; times count from the start of the whole audio."
    )
    sentences: list[Sentence] = Field(description="The sentence.")
    words: list[Word] = Field(description="Its words; times count from the start of the audio.")


class Outputs(NodeModel):
    audio: AudioRef = Field(description="24 kHz mono 16-bit wav.")
    narration: str = Field(description="What is said, in words, without mark-up and stage directions.")
    phonemes: list[Phoneme] = Field(description="Phonemes and pauses in order, covering the whole audio without gaps.")
    sentences: list[Sentence] = Field(description="The spoken sentences with their times.")
    words: list[Word] = Field(description="The words of the narration in order with their times, for players.")
    duration_s: float = Field(description="Length of the audio in seconds.")


def check(params: Params, inputs: dict[str, Any]) -> list[str] | None:
    """Reject at submit a text that the voice cannot speak, and warn of what it will not speak well, if it is known."""
    narration = inputs.get("narration")
    if not isinstance(narration, str):
        return None
    refuse_unreadable(narration)
    return warnings_for(narration)


@node(
    "generate.hibari_tts",
    version="2.2.0",
    title="Hibari speech",
    category="Speech",
    tags=("tts", "english", "cpu", "phonemes"),
    plane="data",
    resources=Resources(timeout_s=900),
    check=check,
    weights=("hibari-tts",),
    packages=("numpy", "onnx", "onnxruntime", "py3langid", "scipy"),
    part=Part,
    advanced=("lead_in_s", "tail_s", "gain_db"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text -> (samples,) 16-bit at 24 kHz. Equal text and parameters give equal bytes on one machine.

    Raises NodeError (node.bad_input), naming the characters, if the text has letters that the voice cannot read.
    """
    from nodes.generate._hibari.track import Spoken, Track
    from nodes.generate._hibari.voice import Voice, to_pcm

    refuse_unreadable(inputs.narration)
    reading = read(inputs.narration)
    count = len(reading.sentences)
    path = ctx.workdir / "narration.wav"
    sentences: list[Sentence] = []
    with Track(path) as track:
        for part in ctx.parts:
            track.resume(ctx.open(part.audio), part.phonemes, part.words)
            sentences += part.sentences
        for index in range(len(ctx.parts), count):
            ctx.progress(index, count, "sentences")
            sentence = reading.sentences[index]
            track.silence((params.lead_in_s if index == 0 else 0.0) + _pause_s(sentence, params, index))
            take = ctx.model("hibari-tts", Voice.load).say(sentence.said, params.speed)
            start_s, end_s = track.add(Spoken(to_pcm(take.wave, params.gain_db), take.spans), sentence.words)
            if index + 1 == count:
                track.silence(params.tail_s + (reading.pause_s or 0.0))
                track.finish()
            spoken = Sentence(text=sentence.written, said=sentence.words, start_s=start_s, end_s=end_s)
            sentences.append(spoken)
            piece = track.piece()
            wav = ctx.save(piece.wav, "audio", name=f"sentence-{index + 1}.wav")
            ctx.parts.append(Part(audio=wav, phonemes=piece.phonemes, sentences=[spoken], words=piece.words))
    ctx.progress(count, count, "sentences")
    return Outputs(
        audio=ctx.save(path, "audio", name="narration.wav"),
        narration=reading.words,
        phonemes=track.phonemes,
        sentences=sentences,
        words=track.words,
        duration_s=track.duration_s,
    )


def _pause_s(sentence: SpokenSentence, params: Params, index: int) -> float:
    """The pause before a sentence: as the text says, else the usual one between two sentences."""
    if sentence.pause_s is not None:
        return sentence.pause_s
    return params.pause_s if index else 0.0
