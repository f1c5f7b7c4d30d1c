"""Services named llm.*: one file each."""
