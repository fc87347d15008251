"""Compiles a workspace: reads its files, runs the passes, and caches what did not change."""
