"""Files that leave the workbench: signed as synthetic on delivery, and recognised later."""
