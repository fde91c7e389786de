"""What must be looked up before specs say exactly what they want. Kinds name the lookups they need."""
