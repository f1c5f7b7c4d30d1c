"""The engine: validate, accept, cut, compile a segment to LangGraph, run it, report. Both planes run on it."""
