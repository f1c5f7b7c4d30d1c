"""What a terminal shows of a job: for the command line, and for Python that runs in one."""
