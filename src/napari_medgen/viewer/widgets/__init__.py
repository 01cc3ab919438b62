"""What the widgets share: the dock, the coordinator, fields, the model's card."""
