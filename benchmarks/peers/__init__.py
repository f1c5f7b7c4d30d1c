"""The runner and other queues side by side in one interleaved run: ``python -m benchmarks.peers``.

One module a system. Each says how its worker is started, how one task and a chain of three are submitted, and how a
client waits for the result; `driver.py` measures all of them in the same way, `report.py` compares.
"""
