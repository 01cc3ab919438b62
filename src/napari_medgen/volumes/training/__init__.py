"""Train a VQ-GAN and a latent diffusion model on a folder of volumes."""
