"""What the trainings of all systems share: how they are begun, updates, checkpoints, data that is read ahead."""
