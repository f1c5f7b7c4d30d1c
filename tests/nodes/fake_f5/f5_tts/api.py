"""``f5_tts.api.F5TTS``, with the signatures of 1.1.22 as far as they are used; anything else is a TypeError."""

from __future__ import annotations

import hashlib
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np

RATE_HZ = 24_000


class F5TTS:
    def __init__(
        self,
        model: str = "F5TTS_v1_Base",
        ckpt_file: str = "",
        vocab_file: str = "",
        ode_method: str = "euler",
        use_ema: bool = True,
        vocoder_local_path: str | None = None,
        device: str | None = None,
        hf_cache_dir: str | None = None,
    ) -> None:
        if not ckpt_file or not vocoder_local_path:
            raise ConnectionError("it would download the model")
        self.made = {"model": model, "ckpt": Path(ckpt_file).name, "device": device}

    def infer(
        self,
        ref_file: str,
        ref_text: str,
        gen_text: str,
        show_info: Any = print,
        progress: Any = None,
        target_rms: float = 0.1,
        cross_fade_duration: float = 0.15,
        sway_sampling_coef: float = -1,
        cfg_strength: float = 2,
        nfe_step: int = 32,
        speed: float = 1.0,
        fix_duration: float | None = None,
        remove_silence: bool = False,
        file_wave: str | None = None,
        file_spec: str | None = None,
        seed: int | None = None,
    ) -> tuple[Any, int, Any]:
        if not ref_text:
            raise ConnectionError("it would download a speech recogniser")
        assert Path(ref_file).stat().st_size > 44
        show_info("says something")
        said = json.dumps([gen_text, ref_text, seed, nfe_step, speed, self.made], sort_keys=True)
        tone = 200 + hashlib.sha256(said.encode()).digest()[0]
        t = np.arange(int(0.03 * len(gen_text) / speed * RATE_HZ)) / RATE_HZ
        samples = (0.2 * np.sin(2 * np.pi * tone * t) * 32767).astype(np.int16)
        if file_wave is not None:
            with wave.open(file_wave, "wb") as file:
                file.setparams((1, 2, RATE_HZ, len(samples), "NONE", ""))
                file.writeframes(samples.tobytes())
        return samples, RATE_HZ, None
