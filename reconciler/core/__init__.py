"""Pure decisions: address, kind, diff, plan, errors. No I/O, no clock, no environment."""
