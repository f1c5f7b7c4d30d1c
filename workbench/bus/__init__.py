"""The bus: Redis Streams, leases and counters. Every operation is an atomic script with a method in ``Bus``."""
