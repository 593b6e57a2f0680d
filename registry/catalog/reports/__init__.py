"""Questions that pages ask about many rows; reads only, answers in plain values."""
