"""Services named info.*: one file each."""
