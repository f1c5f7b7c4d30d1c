"""Receives uploads and stores them as artifacts."""
