"""Model weights: location, download and verification."""
