"""Live views in a notebook: the modules of ``workbench/web``, connected through the kernel.

Imported when one is displayed. Raises WorkbenchError (stack.missing_package) if one of its packages is not installed.
"""

from workbench.notebook.packages import WIDGETS, need

need("a widget", WIDGETS)
