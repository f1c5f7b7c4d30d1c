"""The Gradio pages. Gradio receives the user's input; the modules in ``workbench.web`` draw everything live."""

from workbench.app.pages.mount import mount_pages as mount_pages
