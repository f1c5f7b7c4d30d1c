"""The embedded stack on one machine: real servers from wheels, run as supervised child processes.

``stack`` starts, queries and stops it; ``plan`` decides which parts to start; ``supervisor`` keeps them alive;
``doctor`` tests every part. A part with a configured URL is external: it is used but not started.
"""
