"""What a browser is given: ES modules and one stylesheet, the same for the page and the notebook widgets.

A module that draws something exports ``mount(element, options)`` and returns a function that ends it. No build step, no
package from outside, no request to any other host.
"""

from __future__ import annotations

from pathlib import Path


def folder() -> Path:
    """The folder with the files."""
    return Path(__file__).parent
