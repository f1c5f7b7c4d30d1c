"""Services named inspect.*: one file each."""
