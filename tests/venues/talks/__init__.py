"""How exchanges talk on a websocket, one in a module: beside its dialect, whose rows it pushes."""
