"""Services named review.*: one file each."""
