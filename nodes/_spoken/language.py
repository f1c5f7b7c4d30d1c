"""The language of a text, as far as it can be told. Source: py3langid 0.4 (BSD-3-Clause), its model inside the package.

Method: a naive Bayes classifier on byte n-grams (Lui and Baldwin 2012). A text counts as foreign only where English is
next to impossible and one language is likely, so that names, code and short texts raise no alarm.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

MIN_WORDS = 3
MAX_ENGLISH = 0.01
MIN_OTHER = 0.6
MOST_CHARS = 4000  # read from the beginning; more does not change the answer
_ENGLISH = ("en", "pcm", "sco")  # with Nigerian Pidgin and Scots, which are spelled like it
_NOT_LANGUAGES = ("zxx", "und")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "bg": "Bulgarian", "bs": "Bosnian", "ca": "Catalan",
    "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "es": "Spanish", "et": "Estonian",
    "eu": "Basque", "fa": "Persian", "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "la": "Latin", "lb": "Luxembourgish", "lt": "Lithuanian", "lv": "Latvian",
    "ms": "Malay", "nl": "Dutch", "nn": "Norwegian", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian",
    "sv": "Swedish", "sw": "Swahili", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def foreign_language(text: str) -> str:
    """The English name of the language of a text that is surely not English, else ""."""
    if len(_WORD.findall(text)) < MIN_WORDS:
        return ""
    ranked = [one for one in _identifier().rank(text[:MOST_CHARS]) if one[0] not in _NOT_LANGUAGES]
    english = sum(share for code, share in ranked if code in _ENGLISH)
    code, share = ranked[0]
    if code in _ENGLISH or english > MAX_ENGLISH or share < MIN_OTHER:
        return ""
    return _NAMES.get(code, f"the language “{code}”")


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
