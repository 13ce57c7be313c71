"""A person closes their account. It stands above all apps, because it reaches into each."""
