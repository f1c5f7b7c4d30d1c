"""Turns text into what a person would say: removes mark-up, and writes digits and signs as words.

``reading.read`` does it, ``letters`` refuses what a voice cannot speak, ``warnings`` says what to expect.
"""
