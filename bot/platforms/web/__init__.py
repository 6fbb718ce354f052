"""The playground: a real chat platform on a web page, which needs no account."""
