"""The data plane: workers that run heavy nodes. A worker needs two URLs, bus and objects."""
