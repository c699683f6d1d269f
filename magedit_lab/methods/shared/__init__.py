"""What several methods share: a nudge, injection, blending, and the losses of attention."""
