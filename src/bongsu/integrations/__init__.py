"""bongsu beside other tools: files that they load."""
