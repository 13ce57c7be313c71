"""What a person sees of everything held about them, and the copy they can have."""
