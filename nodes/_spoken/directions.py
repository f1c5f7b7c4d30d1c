"""Stage directions: ``[pause]`` becomes a pause; ``*smiles*``, ``(laughs)`` and ``[Music]`` are not spoken.

Asterisks also mean italics, parentheses also an aside, and square brackets also an insertion. So a group is a direction
if it begins as one, with a word of the list below; one in square brackets also if it stands between sentences.
"""

from __future__ import annotations

import re

from nodes._spoken.markup import break_mark

_GROUP = re.compile(
    r"(?<!\w)(?:\[([^\[\]\n]{1,60})\]|\*([^*\s][^*\n]{0,58}[^*\s]|\w)\*(?!\w)|\(([^()\n]{1,40})\))(?!\()"
)
_PAUSE = re.compile(
    r"(?:(?:a|insert)\s+)?(?:(long|short|brief|dramatic|slight)\s+)?(?:pauses?|beat|silence)"
    r"(?:[\s:,]+(?:for\s+)?(\d+(?:\.\d+)?)\s*(ms|s|sec|secs|seconds?)?)?\.?",
    re.I,
)
_PAUSES_S = {"long": 1.0, "dramatic": 1.0, "short": 0.25, "brief": 0.25, "slight": 0.25}
_BEGINS = re.compile(
    r"(?:(?:\w+ly|long|short|deep|nervous|a|the)\s+)?(?:"
    r"paus(?:es?|ing)|beat|silence|sigh(?:s|ing)?|laugh(?:s|ing|ter)?|chuckl(?:es?|ing)|giggl(?:es?|ing)|"
    r"smil(?:es?|ing)|grin(?:s|ning)?|smirk(?:s|ing)?|wink(?:s|ing)?|nod(?:s|ding)?|shrug(?:s|ging)?|wav(?:es|ing)|"
    r"cough(?:s|ing)?|clear(?:s|ing) (?:his |her |their |my )?throat|sniff(?:s|ing)?|sob(?:s|bing)?|cr(?:ies|ying)|"
    r"gasp(?:s|ing)?|whisper(?:s|ing|ed)?|shout(?:s|ing)?|yell(?:s|ing)?|applause|music|cheer(?:s|ing)|clap(?:s|ping)|"
    r"gestur(?:es|ing)|point(?:s|ing) (?:at|to)|look(?:s|ing) (?:at|up|down|away|into|around|left|right)|"
    r"turn(?:s|ing) (?:to|away|around)|walk(?:s|ing)|sits|stands|lean(?:s|ing)|enters|exits|fade[sd]? (?:in|out|to)|"
    r"cut(?:s)? to|b-roll|breath(?:es?|ing)?|inhal(?:es?|ing)|exhal(?:es?|ing)|bow(?:s|ing)|rais(?:es|ing)|"
    r"shak(?:es|ing) (?:his |her |their )?head|frown(?:s|ing)?|rolls? (?:his |her |their )?eyes|humm?(?:s|ing)|"
    r"sing(?:s|ing)|softly|quietly|excitedly|angrily|sadly|happily|sarcastically|dramatically|slowly|warmly|"
    r"inaudible|crosstalk|off-?screen|voice-?over|sfx|sound effect|intro|outro|camera|close-?up|zoom(?:s|ing)?|"
    r"slide \d+"
    r")\b",
    re.I,
)
_BEFORE = re.compile(r"(?:^|\n|[.!?…:\ue003][\"”’)\]]*)\s*$")
_AFTER = re.compile(r"\s*(?:$|\n|[\"“A-Z*(\[\ue000-\ue003])")
_WORDS = re.compile(r"[A-Za-z][\w'’ ,:;/&-]*")
MOST_WORDS = {1: 8, 2: 8, 3: 4}


def without_directions(text: str) -> tuple[str, list[str]]:
    """The text with pauses for ``[pause]``, and the other directions, which are not spoken."""
    left_out: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        kind = match.lastindex or 1
        inside = match[kind].strip()
        pause = _PAUSE.fullmatch(inside)
        if pause:
            return f" {break_mark(_pause_s(pause))} "
        if _is_direction(inside, kind, match):
            left_out.append(match[0])
            return " "
        return inside if kind == 1 else match[0]

    return re.sub(r"[ \t]{2,}", " ", _GROUP.sub(replaced, text)), left_out


def _is_direction(inside: str, kind: int, match: re.Match[str]) -> bool:
    if len(inside.split()) > MOST_WORDS[kind]:
        return False
    if _BEGINS.match(inside):
        return True
    alone = _BEFORE.search(match.string[max(0, match.start() - 20) : match.start()]) and _AFTER.match(
        match.string, match.end()
    )
    return kind == 1 and bool(alone) and _WORDS.fullmatch(inside) is not None


def _pause_s(pause: re.Match[str]) -> float:
    if pause[2]:
        return float(pause[2]) / (1000 if (pause[3] or "").lower() == "ms" else 1)
    return _PAUSES_S.get((pause[1] or "").lower(), 0.5)
