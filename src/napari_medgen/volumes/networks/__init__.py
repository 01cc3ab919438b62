"""The networks of a volume model: the VQ-GAN with its codebook, and the denoisers."""
