"""aigate: one endpoint in front of every LLM call of a company."""

__version__ = "0.1.0"
