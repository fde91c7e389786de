"""Whether an image may be deployed, from what Google's scan of it found. Pure."""
