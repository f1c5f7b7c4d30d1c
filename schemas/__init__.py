"""The contract: what crosses a process boundary, as pydantic models. JSON Schemas are generated into schemas/json/."""
