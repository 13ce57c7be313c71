"""Pure functions on arrays: no ORM, no clock, no randomness without a seed."""
