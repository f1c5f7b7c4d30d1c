"""Text becomes what a person would say: mark-up out, words for all that is written in figures and signs."""

from nodes._spoken.letters import refuse_unreadable as refuse_unreadable
from nodes._spoken.letters import refuse_wordless as refuse_wordless
from nodes._spoken.letters import speakable as speakable
from nodes._spoken.reading import Reading as Reading
from nodes._spoken.reading import SpokenSentence as SpokenSentence
from nodes._spoken.reading import read as read
from nodes._spoken.warnings import warnings_for as warnings_for
