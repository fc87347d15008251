"""Parts of the screen that several verbs share: cards, progress, prompts."""
