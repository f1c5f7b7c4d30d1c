"""The hibari voice "heart", with phoneme lengths.

The published package returns audio only. Its ONNX graph computes the length of every phoneme in the tensor
``/Clip_output_0``. Declared as an output, the tensor gives the lengths at no cost, and they are exact, because the
audio is built from them. Signal processing and pronunciation come from the package. Source: hibari-tts 0.2.1
(Apache-2.0).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nodes._spoken.marks import without_marks
from nodes.generate._hibari.text import as_read
from nodes.generate._hibari.timing import PAD, PAUSE, Span, silent_units, spans
from nodes.sdk import NodeError
from schemas.errors import WorkbenchError

SAMPLE_RATE_HZ = 24_000
UNIT = 600  # samples: 25 ms
LENGTHS = "/Clip_output_0"
MAX_PHONEMES = 300  # the model was trained on single sentences; the package itself cuts at 400
CUT_PAUSE_UNITS = 5  # pause where a sentence that is too long was cut
NOISE_SEED = 0  # the noise part of the voice uses the same seed for each piece, so that equal text gives equal bytes
_KNEE = 0.7


@dataclass
class Take:
    """One spoken sentence: (N * UNIT,) float32 in -1..1, and the spans of its phonemes and pauses."""

    wave: NDArray[Any]
    spans: list[Span]


class Voice:
    """The loaded model and pronunciation; ``load`` takes about half a second and 150 MB."""

    def __init__(self, session: Any, g2p: Any, ids: dict[str, int]) -> None:
        self._session = session
        self._g2p = g2p
        self._ids = ids
        self.alphabet = frozenset(g2p.oov.cin)

    @classmethod
    def load(cls) -> Voice:
        """Raises WorkbenchError (node.model_unavailable) if the package's model has no phoneme lengths."""
        import onnx
        import onnxruntime
        from hibari.g2p import ASSETS, G2P
        from hibari.voices import DEFAULT, voice_path

        model = onnx.load(voice_path(DEFAULT))  # the only voice inside the package, so nothing is downloaded
        if not any(LENGTHS in node.output for node in model.graph.node):
            raise WorkbenchError(
                "node.model_unavailable",
                "this version of hibari-tts does not return phoneme lengths",
                where="generate.hibari_tts",
                seen=f"no tensor {LENGTHS} in its graph",
                allowed="hibari-tts==0.2.1",
                remedy="pip install 'hibari-tts[fast]==0.2.1'",
            )
        model.graph.output.append(onnx.helper.make_tensor_value_info(LENGTHS, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # also makes the output repeatable
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return cls(session, G2P(), json.loads(Path(ASSETS, "vocab.json").read_text(encoding="utf-8")))

    def say(self, sentence: str, speed: float) -> Take:
        """Speak one sentence in words, as ``nodes._spoken.read`` gives it.

        Raises NodeError if nothing in it can be spoken (a lone "²"), or if a pronunciation given as [word](/phonemes/)
        contains symbols that the voice does not support.
        """
        phonemes = self._g2p(as_read(sentence, self.alphabet, self._g2p))
        unknown = sorted(set(phonemes) - set(self._ids))
        if unknown:
            raise NodeError(
                "the voice does not support some of these phonemes",
                where="narration",
                seen=f"{', '.join(unknown)} in “{without_marks(sentence)[:80]}”",
                allowed="".join(sorted(self._ids)),
                remedy="Correct the pronunciation given as [word](/phonemes/), or remove it.",
            )
        takes = [self._speak(piece, speed) for piece in cut(phonemes, MAX_PHONEMES)]
        takes = [take for take in takes if any(span.symbol != PAUSE for span in take.spans)]
        if not takes:
            raise NodeError(
                "a sentence contains nothing that the voice can speak",
                where="narration",
                seen=without_marks(sentence)[:80],
                remedy="Write it in words, or remove it.",
            )
        return _join(takes)

    def _speak(self, phonemes: str, speed: float) -> Take:
        from hibari import dsp

        feed = {
            "ids": np.asarray([[0, *(self._ids[symbol] for symbol in phonemes), 0]], np.int64),
            "speed": np.asarray([speed], np.float32),
        }
        *parts, lengths = self._session.run(["lh", "theta", "ln", "lr", "phi", "f0", LENGTHS], feed)
        wave = dsp.synth(*(part[0] for part in parts), np.random.default_rng(NOISE_SEED))
        units = [int(length) for length in lengths.ravel()]
        assert sum(units) * UNIT == len(wave), f"{sum(units)} units of {UNIT} samples against {len(wave)} samples"
        silent = silent_units(wave, UNIT)
        return _trimmed(Take(wave, spans([PAD, *phonemes, PAD], units, silent)))


def cut(phonemes: str, limit: int) -> list[str]:
    """Cut into pieces of at most ``limit`` symbols: after the last clause mark, else at the last gap between words."""
    pieces = []
    rest = phonemes.strip()
    while len(rest) > limit:
        head = rest[:limit]
        at = max((head.rfind(mark + PAUSE) + 1 for mark in ";:,—…"), default=0)
        if at < limit // 3:  # a clause mark near the start would leave a tiny piece
            at = head.rfind(PAUSE)
        at = at if at > 0 else limit
        pieces.append(rest[:at].strip())
        rest = rest[at:].strip()
    return [*pieces, rest] if rest else pieces


def to_pcm(wave: NDArray[Any], gain_db: float) -> bytes:
    """float in -1..1 -> 16-bit little-endian. Peaks are compressed, not clipped: a burst reaches 0.6 unamplified."""
    level = np.abs(wave.astype(np.float64) * 10 ** (gain_db / 20))
    bent = np.where(level > _KNEE, _KNEE + (1 - _KNEE) * np.tanh((level - _KNEE) / (1 - _KNEE)), level)
    return bytes(np.round(np.sign(wave) * bent * 32767).astype("<i2").tobytes())


def _trimmed(take: Take) -> Take:
    """Trim the model's own silence at both ends to one unit, because parameters set the length of pauses."""
    first = take.spans[0].end - 1 if take.spans[0].symbol == PAUSE else 0
    total = take.spans[-1].end
    last = take.spans[-1].start + 1 if take.spans[-1].symbol == PAUSE and len(take.spans) > 1 else total
    kept = [replace(span, start=max(span.start, first) - first, end=min(span.end, last) - first) for span in take.spans]
    return Take(take.wave[first * UNIT : last * UNIT], kept)


def _join(takes: list[Take]) -> Take:
    waves: list[NDArray[Any]] = []
    joined: list[Span] = []
    at = word = 0
    for index, take in enumerate(takes):
        if index:
            waves.append(np.zeros(CUT_PAUSE_UNITS * UNIT, np.float32))
            joined.append(Span(PAUSE, at, at + CUT_PAUSE_UNITS))
            at += CUT_PAUSE_UNITS
        waves.append(take.wave)
        joined.extend(
            replace(
                span, start=at + span.start, end=at + span.end, word=span.word if span.word < 0 else word + span.word
            )
            for span in take.spans
        )
        word += 1 + max(span.word for span in take.spans)
        at = joined[-1].end
    return Take(np.concatenate(waves), joined)
