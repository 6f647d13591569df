"""`python -m aigate` is `aigate`."""

from .cli import main

main()
