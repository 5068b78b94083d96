"""What a scene says about speech, sounds and voices, prepared for the facts."""
