"""What is drawn on the canvas beside the layers: the mark on what is synthetic, letters, the grid."""
