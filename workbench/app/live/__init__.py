"""``WS /ws``: one reader of the bus, and a client for each socket that is told what changes."""
