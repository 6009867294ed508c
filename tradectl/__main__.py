"""Where the program begins, as `tradectl` and as `python -m tradectl`: Ctrl-C is heard from here on."""

import sys

INTERRUPTED = 130


def main() -> None:
    try:
        from tradectl.cli import app
    except KeyboardInterrupt:  # while it is loaded, which takes long enough to be met
        sys.stderr.write("tradectl: interrupted\n")
        sys.exit(INTERRUPTED)
    app.main()


if __name__ == "__main__":
    main()
