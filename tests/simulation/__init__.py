"""Schedules of everything that can happen to jobs, on the real scripts and the real control plane."""
