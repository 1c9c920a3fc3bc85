"""The routes, one module for each resource: each declares its scope, asks the store, and shapes the answer."""
