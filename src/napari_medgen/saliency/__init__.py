"""System 3, dual batch norm: classifiers trained on clean and adversarial images, and where they look (Han 2021)."""
