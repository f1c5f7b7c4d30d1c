"""The command line: the only place where the layers are put together."""
