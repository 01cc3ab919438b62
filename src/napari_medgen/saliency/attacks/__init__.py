"""Adversarial images: the attack that the paper trains with, and one that finds its own step."""
