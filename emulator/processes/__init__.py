"""The data plane of Cloud Run: revisions run as processes, a proxy in front of them serves their addresses.

It knows nothing of Google's messages. The control plane (`emulator.apis.run`) describes what should run with the
records of `emulator.processes.model` and calls `emulator.processes.plane.Plane`.
"""
