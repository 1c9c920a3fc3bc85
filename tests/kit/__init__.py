"""What the tests are made with: real parts started quickly, and readers of text dialogs. Mocks are not among them.

Fixtures of these modules are registered in `tests/conftest.py`; everything else is imported from where it stands.
"""
