"""What the domain needs from the outside world, as protocols; the adapters implement them."""
