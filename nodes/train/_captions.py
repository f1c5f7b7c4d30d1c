"""What the training says that an image shows."""

from __future__ import annotations


def captioned(given: str, template: str, trigger: str) -> str:
    """The caption of an image: its own or the template, always with the trigger word.

    Args:
        given: content of the .txt file beside the image; "" if there is none.
        template: for images without one. ``{trigger}`` in either stands for the trigger word.
    """
    text = (given or template).replace("{trigger}", trigger)
    return text if trigger in text.replace(",", " ").split() else f"{trigger}, {text}"
