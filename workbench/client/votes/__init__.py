"""Blind votes: studies, the choice of pairs, rankings with intervals, agreement, correlations with metrics."""
