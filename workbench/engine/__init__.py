"""The engine: validate, accept, cut, compile a segment to LangGraph, run, report. Both planes use it."""
