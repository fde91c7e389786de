"""Whether an image may be deployed, from who has attested it; and who built it. Pure."""
