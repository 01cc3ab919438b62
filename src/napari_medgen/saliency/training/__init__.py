"""Train a classifier three ways: on clean images, on adversarial ones, and on both through separate batch norms."""
