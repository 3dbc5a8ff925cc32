"""Where things are kept: state and audit in SQL, events in logs, history in a lake."""
