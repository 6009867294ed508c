"""The page: accounts in a browser, read over the control socket by a process without exchange keys."""
