"""What a spec costs: pure arithmetic over list prices, in exact decimals, rounded only where it is shown."""
