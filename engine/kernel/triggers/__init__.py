"""From something that happened to a run: matching, duplicates, intents, schedules, inputs."""
