"""Bundles: runs with everything that made them, in one signed zip that another deployment can show or run again."""
