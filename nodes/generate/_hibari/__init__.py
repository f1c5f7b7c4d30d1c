"""The voice of generate.hibari_tts: text it can read, speech synthesis, and phoneme times."""
