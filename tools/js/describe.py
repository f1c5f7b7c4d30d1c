"""Prints the OpenAPI description of the HTTP API, from which the types of the JavaScript modules are generated."""

from __future__ import annotations

import json

from workbench.app.server import create_app
from workbench.client.deployment import Deployment
from workbench.settings import Settings

if __name__ == "__main__":
    nowhere = Settings(bus_url="redis://127.0.0.1:1", s3_url="http://127.0.0.1:1", sql_url="sqlite://")  # never asked
    description = create_app(Deployment(nowhere), pages=False).openapi()
    for schema in description["components"]["schemas"].values():
        if "properties" in schema:  # an answer has all of its fields, those with a default too
            schema["required"] = list(schema["properties"])
    print(json.dumps(description))
