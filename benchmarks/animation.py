"""How fast the CPU animator is: milliseconds a frame for painting and encoding, and a whole clip against its length.

    python benchmarks/animation.py [--size 512] [--fps 25] [--seconds 5.5] [--rounds 3]

Needs nothing but the CPU set: the portrait is the packaged sample, the speech is a synthesised babble. Figures depend
on what else the machine does: the load average is printed beside them.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np

from nodes._samples import sample_portrait
from nodes._speech import Phoneme
from nodes.generate.portrait_animation import CRF, run
from nodes.local import FolderHost, local_context, run_locally
from nodes.model_cache import ModelCache

RATE = 24_000
SYLLABLES = ("mɑ", "bi", "fu", "sæ", "ɹO", "wI", "tə", "ʃɛ")


def babble(folder: Path, seconds: float) -> tuple[Path, list[Phoneme]]:
    """A wav of voiced syllables of 0.2 s, and their phonemes."""
    times = np.arange(round(seconds * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 130 * k * times) / k for k in range(1, 24))
    samples = (0.2 * voice * (0.55 - 0.45 * np.cos(2 * np.pi * times / 0.2)) * 32767 / 2).astype("<i2")
    path = folder / "babble.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    phonemes = []
    for number in range(int(seconds / 0.2)):
        start = number * 0.2
        first, second = SYLLABLES[number % len(SYLLABLES)]
        phonemes.append(Phoneme(symbol=first, start_s=start, end_s=start + 0.07))
        phonemes.append(Phoneme(symbol=second, start_s=start + 0.07, end_s=start + 0.2))
    return path, phonemes


def stages(portrait: Path, audio: Path, phonemes: list[Phoneme], size: int, fps: int, folder: Path) -> None:
    """Setup, painting alone and encoding alone."""
    from nodes._face import measured_file, read_image
    from nodes.generate._audio_blocks import read_audio
    from nodes.generate._part_encoder import PartEncoder
    from nodes.generate._puppet.framing import frame
    from nodes.generate._puppet.loudness import loudness
    from nodes.generate._puppet.motion import controls
    from nodes.generate._puppet.painter import Painter
    from nodes.generate._puppet.visemes import tracks_from_phonemes

    rgb = read_image(portrait)
    points = measured_file(portrait)[0].points
    began = time.perf_counter()
    painter = Painter(*frame(rgb, points, size))
    print(f"setup of the portrait  {1e3 * (time.perf_counter() - began):6.1f} ms, once")
    sound = read_audio(audio)
    loud = loudness(sound)
    count = min(100, sound.frames(fps))
    plan = controls(
        tracks_from_phonemes(phonemes, loud, 0.040),
        loud,
        frames=count,
        fps=fps,
        seed=1,
        mouth_gain=1.0,
        sway=1.0,
        blinks_per_minute=14.0,
        expression=0.5,
    )
    painter.frame(plan, 0)
    began, cpu = time.perf_counter(), time.process_time()
    pictures = [painter.frame(plan, index) for index in range(count)]
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"painting               {1e3 * wall / count:6.1f} ms a frame wall, {1e3 * cpu / count:5.1f} ms CPU")
    began = time.perf_counter()
    with PartEncoder(folder, Fraction(fps), CRF) as encoder:
        for picture in pictures:
            encoder.add(picture)
        encoder.end_part()
        wall = time.perf_counter() - began
    print(
        f"encoding               {1e3 * wall / count:6.1f} ms a frame wall, {1e3 * encoder.cpu_s / count:5.1f} ms CPU"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--fps", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=5.5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        portrait = sample_portrait(folder)
        audio, phonemes = babble(folder, options.seconds)
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{options.size} x {options.size}, {options.fps} fps, {options.seconds} s of speech")
        stages(portrait, audio, phonemes, options.size, options.fps, folder)

        models, store = ModelCache(), folder / "store"
        ctx = local_context(store, models)
        inputs = {
            "image": ctx.save(portrait.read_bytes(), "image"),
            "audio": ctx.save(audio.read_bytes(), "audio"),
            "phonemes": phonemes,
        }
        for number in range(options.rounds + 1):
            ctx = local_context(store, models, seed=number)
            assert isinstance(ctx.host, FolderHost)
            began, cpu = time.perf_counter(), time.process_time()
            video = run_locally(run, ctx, {"size": options.size, "fps": options.fps}, inputs).video
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
            print(
                f"whole node, {'warm' if number else 'cold'}       {wall:6.2f} s wall, {cpu:5.2f} s CPU, "
                f"{wall / video.duration_s:.2f} x the clip's length, {video.size_bytes / 1e3:.0f} KB"
            )


if __name__ == "__main__":
    main()
