"""What a shipped model can do on held-out scenes: what is measured, the targets for it, and the card that tells."""
