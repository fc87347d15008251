"""Text compared and made safe to read: links, copies, leftover placeholders."""
