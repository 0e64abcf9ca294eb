"""Sound as samples: planes of frames, layouts, sums, loudness and outline."""
