"""The control plane's services: epoch and reconciler, reaper, recorder, tracking."""
