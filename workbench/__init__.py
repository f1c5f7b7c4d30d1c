"""The workbench: bus, stores, engine, the two planes and the faces on them."""
