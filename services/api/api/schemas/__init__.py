"""What goes in and out as JSON, one module for each resource. May import pydantic and `mailstead.model`; knows no request."""
