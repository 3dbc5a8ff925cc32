"""The doors: the gateway in front of the models, and the control API."""
