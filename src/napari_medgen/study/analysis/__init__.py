"""From the readings of a study, or of anybody's table, to tables, figures and tests; :mod:`..report` lays them out."""
