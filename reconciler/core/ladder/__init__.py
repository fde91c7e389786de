"""What a budget does when it is spent: step by step, on evidence, and all of it ends. Pure."""
