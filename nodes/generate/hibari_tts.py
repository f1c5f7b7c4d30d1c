"""Speak a narration with an English voice, and return the time of each phoneme and word.

Source: hibari-tts 0.2.1 by Maureese Williams (code and voice), licence Apache-2.0; distilled from
Kokoro-82M, Apache-2.0.
The voice is US English, female, 24 kHz, and runs on one CPU core at about 50 times real time. A long text is spoken in
parts of ten sentences: after a crash, the work continues after the last part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nodes._speech import Phoneme, Word
from nodes._spoken.letters import refuse_unreadable
from nodes._spoken.reading import read
from nodes._spoken.warnings import warnings_for
from nodes.sdk import AudioRef, Context, Field, NodeModel, Resources, node

if TYPE_CHECKING:
    from nodes._spoken.reading import SpokenSentence
    from nodes.generate._hibari.block import Spoken

PART_SENTENCES = 10  # about a minute of speech, so that a crash costs about one second of work


class Params(NodeModel):
    speed: float = Field(1.0, ge=0.5, le=2.0, description="Speaking rate; 2 is twice as fast.")
    pause_s: float = Field(0.35, ge=0, le=2, description="Silence between sentences, in seconds.")
    lead_in_s: float = Field(0.15, ge=0, le=5, description="Silence before the first word, in seconds.")
    tail_s: float = Field(0.25, ge=0, le=5, description="Silence after the last word, in seconds.")
    gain_db: float = Field(8.0, ge=-20, le=12, description="Gain in dB; 8 brings the voice to about -19 dBFS.")


class Inputs(NodeModel):
    narration: str = Field(
        min_length=1,
        max_length=20_000,
        description="English text to speak. Mark-up and stage directions are not spoken, but <break>, <emphasis>, "
        "<say-as> and [pause] have their effect; [word](/phonemes/) sets a pronunciation.",
    )


class Sentence(NodeModel):
    """One sentence of the narration with its time span."""

    text: str = Field(description="The sentence as written, without mark-up.")
    said: str = Field(description="The sentence as it is said: numbers, signs and abbreviations in words.")
    start_s: float = Field(ge=0, description="Start of its first phoneme, in seconds from the start of the audio.")
    end_s: float = Field(ge=0, description="End of its last phoneme, in seconds from the start of the audio.")


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
    version="2.1.0",
    title="Hibari speech",
    category="Speech",
    tags=("tts", "english", "cpu", "phonemes"),
    plane="data",
    resources=Resources(timeout_s=900),
    check=check,
    weights=("hibari-tts",),
    packages=("numpy", "onnx", "onnxruntime", "py3langid", "scipy"),
    advanced=("lead_in_s", "tail_s", "gain_db"),
)
def run(ctx: Context, params: Params, inputs: Inputs) -> Outputs:
    """Text -> (samples,) 16-bit at 24 kHz. Equal text and parameters give equal bytes on one machine.

    Raises NodeError (node.bad_input), naming the characters, if the text has letters that the voice cannot read.
    """
    from nodes.generate._hibari.track import Track

    refuse_unreadable(inputs.narration)
    reading = read(inputs.narration)
    path = ctx.workdir / "narration.wav"
    sentences: list[Sentence] = []
    with Track(path) as track:
        track.silence(params.lead_in_s)
        for sentence, spoken in zip(reading.sentences, _spoken(ctx, params, reading.sentences), strict=True):
            usual_s = params.pause_s if sentences else 0.0
            track.silence(usual_s if sentence.pause_s is None else sentence.pause_s)
            start_s, end_s = track.add(spoken, sentence.words)
            sentences.append(Sentence(text=sentence.written, said=sentence.words, start_s=start_s, end_s=end_s))
        track.silence(params.tail_s + (reading.pause_s or 0.0))
        track.finish()
    audio = ctx.save(path, "audio", name="narration.wav")
    return Outputs(
        audio=audio,
        narration=reading.words,
        phonemes=track.phonemes,
        sentences=sentences,
        words=track.words,
        duration_s=track.duration_s,
    )


def _spoken(ctx: Context, params: Params, sentences: tuple[SpokenSentence, ...]) -> Iterator[Spoken]:
    """The spoken sentences in order, read from finished parts or synthesised."""
    from nodes.generate._hibari.block import Spoken, decode, encode
    from nodes.generate._hibari.voice import Voice, to_pcm

    in_parts = len(sentences) > PART_SENTENCES
    for part, first in enumerate(range(0, len(sentences), PART_SENTENCES)):
        if part < len(ctx.parts):
            yield from decode(ctx.open(ctx.parts[part]).read_bytes())
            continue
        voice = ctx.model("hibari-tts", Voice.load)
        block = []
        for index, sentence in enumerate(sentences[first : first + PART_SENTENCES], start=first):
            ctx.progress(index, len(sentences), "sentences")
            take = voice.say(sentence.said, params.speed)
            block.append(Spoken(sentence.said, to_pcm(take.wave, params.gain_db), take.spans))
        if in_parts:
            ctx.parts.append(encode(block), "file", name=f"sentences-{first + 1}.part")
        yield from block
    ctx.progress(len(sentences), len(sentences), "sentences")
