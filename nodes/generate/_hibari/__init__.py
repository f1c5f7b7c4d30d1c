"""The voice behind generate.hibari_tts: what it can read, how it speaks, and when each sound is made."""
