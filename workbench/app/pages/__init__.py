"""The Gradio pages: Gradio takes in what people give; what lives is drawn by the modules in ``workbench.web``."""

from workbench.app.pages.mount import mount_pages as mount_pages
