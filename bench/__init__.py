"""What Rondan measures of itself: ratios to a limit or a peer in the same run, one JSON line each."""
