"""The page and the HTTP API. They submit, watch and show jobs, and do all of it through ``workbench.client``."""
