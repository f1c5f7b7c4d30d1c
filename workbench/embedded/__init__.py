"""The stack on one machine: real servers from wheels, run as supervised child processes.

``stack`` starts, asks and stops it; ``plan`` decides what is started; ``supervisor`` keeps it alive; ``doctor``
tries every part. A part whose URL is given from outside is used and not started.
"""
