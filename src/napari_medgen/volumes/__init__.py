"""System 1, Medical Diffusion: 3D volumes from a latent diffusion model over a 3D VQ-GAN (Khader et al., 2023)."""
