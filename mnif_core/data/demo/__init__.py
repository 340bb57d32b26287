"""What is bundled for a first try: photographs of t-shirts, procedural cars."""
