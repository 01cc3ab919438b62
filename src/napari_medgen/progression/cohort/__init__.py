"""A cohort: visits with their latents, as a value, as files, and as tables of studies say them."""
