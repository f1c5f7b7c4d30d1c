"""The JavaScript and CSS that a browser gets once per kernel."""

from __future__ import annotations

import re

from workbench.notebook.widgets.modules import ENTRY, HERE, sources, style
from workbench.web.modules import IMPORT, resolved


def test_every_module_follows_the_modules_it_imports() -> None:
    seen: set[str] = set()
    for name, text in sources():
        imported = [resolved(name, other) for _, other in IMPORT.findall(text)]
        assert set(imported) <= seen, name
        assert len(imported) == len(re.findall(r"^import |^} from |^export .* from \"", text, re.MULTILINE)), name
        seen.add(name)
    assert sources()[-1][0] == ENTRY


def test_no_module_contains_the_address_of_another_host() -> None:
    texts = [text for _, text in sources()] + [style(), (HERE / "view.js").read_text()]
    for text in texts:
        assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}


def test_the_style_applies_only_to_our_outputs() -> None:
    before, _, inside = style().partition(".wb-notebook.wb-notebook {")
    movement, end, pictures = re.findall(r"^\S.*$", before, re.MULTILINE)
    assert (movement, end) == ("@keyframes wb-breathe {", "}") and "wb-notebook-picture" in pictures
    assert ":root" not in inside and "@keyframes" not in inside
    assert "\n& {" in inside and "\n&.dark {" in inside
    assert inside.count("{") == inside.count("}") - 1  # nothing closes the block too early


def test_the_entry_of_a_view_is_small() -> None:
    assert len((HERE / "view.js").read_bytes()) < 1500
