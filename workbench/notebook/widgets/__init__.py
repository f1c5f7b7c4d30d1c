"""Live views in a notebook: the modules of ``workbench/web``, reached through the kernel. Imported when one is shown;
raises WorkbenchError (stack.missing_package) where a package for them is not installed.
"""

from workbench.notebook.packages import WIDGETS, need

need("a widget", WIDGETS)
