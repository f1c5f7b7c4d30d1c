"""The data plane: workers that run heavy nodes. A worker needs two URLs, of the bus and the object store."""
