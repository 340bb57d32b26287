"""Files that appear whole or not at all, and are not taken on trust."""
