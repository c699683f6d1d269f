"""How fast an edit is here: ours against Algorithm 1 as printed, memory, arithmetic and the distance to the limit."""
