"""Reader studies: what a reader answered, kept so that nothing is lost, seen too early or changed unnoticed."""
