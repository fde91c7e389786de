"""The process and its HTTP port: everything that knows a socket, a head or FastAPI."""
