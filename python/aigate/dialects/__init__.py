"""What callers speak. A dialect reads requests and writes answers and errors; it knows no provider."""
