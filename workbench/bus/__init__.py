"""The bus: Redis Streams, leases and counters. All moves are atomic scripts; ``Bus`` has one method for each."""
