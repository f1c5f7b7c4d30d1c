"""Services named evaluate.*: one file each."""
