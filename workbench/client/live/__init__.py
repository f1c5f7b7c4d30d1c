"""Jobs while they run: one reader of the bus for all of them, and watchers that are told what changes."""
