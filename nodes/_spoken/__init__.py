"""Text becomes what a person would say: mark-up out, words for all that is written in figures and signs.

``reading.read`` does it, ``letters`` refuses what a voice cannot speak, ``warnings`` says what to expect.
"""
