"""The page and the HTTP API: they only submit, watch and show. What they do goes through ``workbench.client``."""
