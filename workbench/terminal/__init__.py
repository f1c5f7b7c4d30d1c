"""The display of jobs on a terminal, for the command line and for Python programs."""
