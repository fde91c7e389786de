"""What a pass knew of each service, kept for people to look at: gathered with few calls, and never a reason to fail."""
