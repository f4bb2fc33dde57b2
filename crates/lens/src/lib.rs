//! Explains: dissects frames, draws the waterfall, exports captures.
