"""What a browser shows of a field, and steers: the same controls in nerfstudio's viewer and on a page of our own."""
