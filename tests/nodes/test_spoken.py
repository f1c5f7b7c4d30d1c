"""Text becomes what a person would say: the table of cases, and what is refused or warned of before anything runs."""

from __future__ import annotations

import pytest

from nodes._spoken.letters import refuse_unreadable
from nodes._spoken.marks import EMPHASIS, PLAIN
from nodes._spoken.reading import read
from nodes._spoken.warnings import warnings_for
from nodes.generate import hibari_tts
from nodes.generate._hibari.text import as_read
from nodes.sdk import NodeError

NUMBERS = [
    ("3 cats, 1,250 dogs", "three cats, one thousand two hundred fifty dogs"),
    ("1.5 million in 0.5 s", "one point five million in zero point five seconds"),
    ("1,5 and 2,75", "one point five and two point seven five"),
    ("10\u202f000\u00a0000", "ten million"),
    ("007", "zero zero seven"),
    ("1" * 20, " ".join(["one"] * 20)),
    ("the 21st, 3rd and 112th", "the twenty-first, third and one hundred twelfth"),
    ("1½ cups, ¾ full, 3/4, 8/10", "one and a half cups, three quarters full, three quarters, eight out of ten"),
    ("in 1905, 2005 and 2024", "in nineteen oh five, two thousand five and twenty twenty-four"),
    ("the 1990s and the '80s", "the nineteen nineties and the eighties"),
    ("10-20 people, 2020–2024", "ten to twenty people, twenty twenty to twenty twenty-four"),
    ("3-1 at 16:9", "three to one at sixteen to nine"),
    ("50%, 10–20%, 0.5 %", "fifty percent, ten to twenty percent, zero point five percent"),
    ("It was −3 or -4.", "It was minus three or minus four."),
    ("COVID-19, GPT-4, MP3, H264, 4K", "COVID nineteen, GPT four, MP three, H two sixty-four, four K"),
    ("V201", "V two oh one"),
]
MONEY = [
    ("$9.99", "nine dollars and ninety-nine cents"),
    ("5€, 5 €, €5, 20 EUR, EUR 20", "five euros, five euros, five euros, twenty euros, twenty euros"),
    ("12,50 € and 1.250,00 €", "twelve euros and fifty cents and one thousand two hundred fifty euros"),
    ("10 000 €", "ten thousand euros"),
    ("£5bn, $1.5 million, $2k", "five billion pounds, one point five million dollars, two thousand dollars"),
    ("100 USD, US$5, 30 CHF", "one hundred dollars, five dollars, thirty Swiss francs"),
    ("$5-10, $0.50, $1", "five to ten dollars, fifty cents, one dollar"),
    ("-$20, 50¢, 50p, ¥500", "minus twenty dollars, fifty cents, fifty pence, five hundred yen"),
]
DATES = [
    ("2024-03-03", "March third, twenty twenty-four"),
    ("03/04/2024 and 25/12/2024", "March fourth, twenty twenty-four and December twenty-fifth, twenty twenty-four"),
    ("3.4.2024", "the third of April twenty twenty-four"),
    ("March 3rd, 2024; Jan. 5", "March third, twenty twenty-four; January fifth"),
    ("3 March 2024, May 2024", "the third of March twenty twenty-four, May twenty twenty-four"),
    ("2024-11-30T14:05:00Z", "November thirtieth, twenty twenty-four fourteen oh five"),
    ("at 7:30 pm, 14:05, 9:00", "at seven thirty P M, fourteen oh five, nine o'clock"),
    ("from 5pm to 10 a.m.", "from five P M to ten A M."),
    ("at 5 p.m. today", "at five P M today"),
    ("12:30:45", "twelve thirty and forty-five seconds"),
    ("Call 555-1234.", "Call five five five, one two three four."),
    ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
]
MEASURES = [
    ("5 km at 10 km/h", "five kilometers at ten kilometers per hour"),
    ("20°C, -5 °F, 90°", "twenty degrees Celsius, minus five degrees Fahrenheit, ninety degrees"),
    ("1 kg, 5 GB, 2 L, 3m tall", "one kilogram, five gigabytes, two liters, three meters tall"),
    (
        "3 m/s², 10 kg/m³, 5 µm²",
        "three meters per second squared, ten kilograms per cubic meter, five square micrometers",
    ),
    ("60-80 kg", "sixty to eighty kilograms"),
    ("5'10\" tall, 6 ft", "five foot ten tall, six feet"),
    (
        "~5 km, ≈ $3, > 5, <10, ≥ 3",
        "about five kilometers, about three dollars, more than five, less than ten, at least three",
    ),
    ("24/7", "twenty-four seven"),
]
ABBREVIATIONS = [
    ("Dr. Smith vs. Mr. X", "Doctor Smith versus Mister X"),
    ("e.g. this, i.e. that, etc.", "for example, this, that is, that, et cetera."),
    ("St. Paul, Main St. is long", "Saint Paul, Main Street is long"),
    ("See No. 5 and Fig. 3.", "See number five and figure three."),
    ("R&D at AT&T w/o #1", "R and D at AT and T without number one"),
    ("and/or he/she, TCP/IP", "and or he or she, TCP IP"),
    ("the cat(s) © 2024™", "the cats copyright twenty twenty-four"),
]
ADDRESSES = [
    ("v2.0.1", "version two point zero point one"),
    ("Python 3.11 and 3.11.7", "Python three point eleven and three point eleven point seven"),
    ("1.0.0-rc2", "one point zero point zero R C two"),
    ("192.168.0.1:8080", "one ninety-two dot one sixty-eight dot zero dot one port eighty eighty"),
    ("10.0.0.0/8", "ten dot zero dot zero dot zero slash eight"),
    ("fe80::1", "F E eight zero colon colon one"),
    ("https://example.com/docs?q=1#top.", "example dot com slash docs question mark Q equals one hash top."),
    ("www.example.org,", "W W W dot example dot org,"),
    ("jane.doe@example.com", "jane dot doe at example dot com"),
    ("node.js, main.py, .NET", "node dot J S, main dot P Y, dot NET"),
    ("/usr/bin and C:\\Users", "slash usr slash bin and C colon backslash Users"),
    ("It ends.Then it begins.", "It ends. Then it begins."),
]
CODE = [
    ("if a != b && c >= 3", "if a is not equal to b and c is at least three"),
    ("x == y || !z", "x is equal to y or not z"),
    ("x = a + b", "x equals a plus b"),
    (
        "3 - 2 = 1, 2 * 3, 6 / 2, 2^10",
        "three minus two equals one, two times three, six divided by two, two to the power of ten",
    ),
    ("x**2, i++, a->b", "x to the power of two, i plus plus, a to b"),
    ("i < 10 and 5 > 3", "i is less than ten and five is greater than three"),
    ("snake_case(x), foo()", "snake underscore case of x, foo"),
    ("C++ and C#", "C plus plus and C sharp"),
    ("git --help -m", "git dash dash help dash m"),
    ("List<int>", "List int"),
]
MARKUP = [
    ("<speak>Hello <prosody rate='slow'>big</prosody> world.</speak>", "Hello big world."),
    ("Say <say-as interpret-as='characters'>ab1</say-as>.", "Say A B one."),
    ("<say-as interpret-as='digits'>1234</say-as>", "one two three four"),
    ("the <say-as interpret-as='ordinal'>3</say-as> one", "the third one"),
    ('<say-as interpret-as="cardinal">2024</say-as>', "two thousand twenty-four"),
    ("<sub alias='World Wide Web'>W3</sub>", "World Wide Web"),
    ("<p class='x'>One</p><p>Two</p>", "One Two"),
    ("Tom &amp; Jerry <!-- not said -->", "Tom and Jerry"),
    ("**Bold**, *italic*, `code`, ~~old~~ and [a link](https://x.org)", "Bold, italic, code, old and a link"),
    ("# Title\n\n> quoted\n\n- one\n- [x] two\n---\n```py\nthree\n```", "Title quoted one two three"),
    ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b one, two"),
    ("known[1] facts [2, 3]", "known facts"),
    ("\x1b[31mred\x1b[0m text [0m[1;32mgreen[K", "red text green"),
    ("Hi 🙂👍🏽 there ❤️ ✅", "Hi there"),
    ("I like it <3", "I like it"),
    ("‘Don’t’ so\u00adft hy\u200bphen", "Don't soft hyphen"),
]
DIRECTIONS = [
    ("[pause] *smiles* Hello (laughs)", "Hello"),
    ("[Intro music] Welcome, [Name]!", "Welcome, Name!"),
    ("(softly) Yes. *clears his throat* No.", "Yes. No."),
    ("*Important* things (at NASA) he [the man] said", "Important things (at NASA) he the man said"),
]
TABLE = [*NUMBERS, *MONEY, *DATES, *MEASURES, *ABBREVIATIONS, *ADDRESSES, *CODE, *MARKUP, *DIRECTIONS]


@pytest.mark.parametrize(("written", "said"), TABLE)
def test_a_text_becomes_what_a_person_would_say(written: str, said: str) -> None:
    assert read(written).words == said


@pytest.mark.parametrize("said", [said for _, said in TABLE])
def test_what_is_said_is_read_the_same_again(said: str) -> None:
    assert read(said).words == said


@pytest.mark.parametrize(
    "prose",
    [
        "Good morning, everyone. Last year our small team planted four hundred trees along the river.",
        "“Really?” she said. It's the speaker's well-known, state-of-the-art demo... isn't it?",
        "Wait; I asked him: why not? No. Then he left, at last (as always).",
    ],
)
def test_prose_stays_as_it_is(prose: str) -> None:
    assert read(prose).words == prose.replace("’", "'")


def test_sentences_are_also_kept_as_written_without_markup() -> None:
    one, two = read("<s>It costs **$5**.</s> [Dr. X](https://x.org) paid [hibari](/hibˈɑɹi/) 🙂.").sentences
    assert (one.written, one.words) == ("It costs $5.", "It costs five dollars.")
    assert (two.written, two.words) == ("Dr. X paid hibari 🙂.", "Doctor X paid hibari.")
    assert two.said == "Doctor X paid [hibari](/hibˈɑɹi/)."


@pytest.mark.parametrize(
    ("text", "pauses", "last"),
    [
        ("One.<break time='500ms'/> Two.", [None, 0.5], None),
        ('One <break time="1.5s"/> two', [None, 1.5], None),
        ("One<break strength='x-strong'/>two<break strength='none'/>three", [None, 1.0, 0.0], None),
        ("<break/>One [pause 2s] two [long pause]", [0.5, 2.0], 1.0),
        ("One (pause) [beat] two", [None, 1.0], None),
        ("One <break time='9999s'/> two", [None, 10.0], None),
    ],
)
def test_breaks_and_pauses_are_kept(text: str, pauses: list[float | None], last: float | None) -> None:
    reading = read(text)
    assert [sentence.pause_s for sentence in reading.sentences] == pauses
    assert reading.pause_s == last
    assert not reading.left_out


def test_emphasis_is_marked_and_reaches_the_front_end_as_a_long_stressed_vowel() -> None:
    (sentence,) = read(
        "I <emphasis level='strong'>never</emphasis> said <emphasis level='none'>that</emphasis>."
    ).sentences
    assert sentence.said == f"I {EMPHASIS}never{PLAIN} said that."
    assert sentence.words == "I never said that."
    spelling = as_read(sentence.said, frozenset(), lambda word: {"never": "nˈɛvəɹ"}[word])
    assert spelling == "I [never](/nˈɛːvəɹ/) said that."


def test_what_is_left_out_is_named() -> None:
    assert read("<prosody rate='slow'>Hi</prosody> *waves* there").left_out == ("<prosody>", "*waves*")


# At submit


@pytest.mark.parametrize(
    ("text", "named", "place"),
    [
        ("Hello 世界", "世", "line 1, character 7, in “世界”"),
        ("Hello.\nПривет", "п", "line 2, character 1, in “Привет”, and 5 more letters"),
        ("قل ٣ مرات", "arabic", "line 1, character 1"),
        ("Say αβγ now", "greek", "line 1, character 5, in “αβγ”"),
        ("🙂🙂", "slightly smiling face", "narration"),
        (" \n\t ", "white space", "narration"),
        ("... — !", "em dash", "narration"),
        ("<break time='1s'/> *smiles*", "only mark-up and stage directions: <break", "narration"),
    ],
)
def test_unspeakable_letters_are_refused_by_name_and_place(text: str, named: str, place: str) -> None:
    with pytest.raises(NodeError) as error:
        hibari_tts.check(hibari_tts.Params(), {"narration": text})
    assert named in str(error.value.seen).lower()
    assert place in error.value.where
    assert "letter" in str(error.value.allowed)
    assert error.value.remedy


@pytest.mark.parametrize("text", ["Café Łódź, naïve ½ cup at 5 µm² ①", "the π of it", "Hello 🙂 world", "ﬁne™"])
def test_ordinary_signs_are_not_refused(text: str) -> None:
    refuse_unreadable(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Guten Morgen, heute zeige ich euch unsere neue Kamera.", "German"),
        ("Bonjour tout le monde, je m'appelle Anna.", "French"),
        ("Dzień dobry, nazywam się Anna.", "Polish"),
        ("<speak>Ciao, come stai? Oggi parliamo di cucina.</speak>", "Italian"),
    ],
)
def test_a_text_in_another_language_is_warned_of(text: str, language: str) -> None:
    (warning,) = hibari_tts.check(hibari_tts.Params(), {"narration": text}) or []
    assert f"The text seems to be {language}. This voice speaks English" in warning


@pytest.mark.parametrize(
    "text",
    [
        "Good morning.",
        "Shh, zip it.",
        "Hola",
        "NASA, FBI, GDP 2024",
        "pip install numpy && rm -rf /tmp",
        "Dr. Smith paid $9.99 to Café Łódź.",
        "The mayor of San Francisco visited Los Angeles and Santa Monica.",
        "I love Paris and Berlin.",
    ],
)
def test_english_names_and_code_raise_no_warning(text: str) -> None:
    assert warnings_for(text) == []


def test_directions_and_tags_without_effect_are_warned_of() -> None:
    assert warnings_for("<voice name='x'>Hello there</voice>, my friends. *waves* Welcome.") == [
        "The voice does not speak stage directions and mark-up: it leaves out <voice>, *waves*."
    ]
