"""Audio, scenes, servers and models that several tests share."""
