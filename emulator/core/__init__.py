"""What every API shares and that knows none of them: store, clock, operations, faults, the world they make up."""
