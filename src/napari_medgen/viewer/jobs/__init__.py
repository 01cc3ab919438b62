"""**Jobs**: what was sent to the cluster, how far it is, and where its files are."""
