"""The `${{ … }}` language: parsed, typed against a scope, evaluated."""
