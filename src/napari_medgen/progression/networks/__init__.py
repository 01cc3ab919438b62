"""The networks of a progression model: StyleGAN2's generator, its layers, discriminator and encoder."""
