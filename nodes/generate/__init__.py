"""Services named generate.*: one file each."""
