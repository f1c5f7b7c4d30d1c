"""Live views in a notebook: the modules of ``workbench/web``, reached through the kernel. Imported when one is
shown.
"""
