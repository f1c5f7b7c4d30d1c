"""Deletion, collection and erasure of jobs, files, and everything derived from them."""
