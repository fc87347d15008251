"""What to do when the world fails: back-off, throttling, circuit breakers, the health gate, clocks that leap."""
