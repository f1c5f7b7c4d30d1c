"""Real faults: the tests kill processes, cut connections and fill disks, then count what is left."""
