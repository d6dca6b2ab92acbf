"""`python -m evertape`."""

from evertape.cli import main

if __name__ == "__main__":
    main()
