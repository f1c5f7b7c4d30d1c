"""The consent of the tests' own portraits and recordings, stated once. Tests of consents do without it."""

from __future__ import annotations

STATED = {"WORKBENCH_CONSENT": "The tests"}
