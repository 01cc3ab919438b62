"""How long work runs: progress and steps, devices and their numeric types, the CPU's memory and convolutions."""
