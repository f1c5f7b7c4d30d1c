"""Live job states: one reader of the bus for all jobs, and watchers that receive the changes."""
