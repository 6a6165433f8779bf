"""Uses a trained model: a forecast from new measurements, or a file for another program."""
