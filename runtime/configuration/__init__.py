"""What the server is told, and what it finds out about where it runs. Imports nothing else of the runtime."""
