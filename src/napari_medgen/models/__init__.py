"""What a model is: a folder with a card and weights; where models are found; reading other people's checkpoints safely."""
