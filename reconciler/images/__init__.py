"""Our own images, built without a container engine: a base, the wheels of the lock file, our packages."""
