"""evertape keeps your own database of the US stock market current."""

__version__ = "0.1.0"
