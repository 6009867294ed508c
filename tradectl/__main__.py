"""Where the program begins, as `tradectl` and as `python -m tradectl`: Ctrl-C is heard from here on, and
what else asks a program to end does the same."""

import gc
import signal
import sys

INTERRUPTED = 130
COLLECT_AFTER = 50_000
"""Objects made before the collector looks for garbage: what a program loads stays, and to look through it
again and again takes a seventh of a start."""


def main() -> None:
    gc.set_threshold(COLLECT_AFTER)
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` wants one of them ignored
                signal.signal(number, signal.default_int_handler)
        from tradectl.cli import app
    except KeyboardInterrupt:  # while it is loaded, which takes long enough to be met
        sys.stderr.write("tradectl: interrupted\n")
        sys.exit(INTERRUPTED)
    try:
        app.main()
    except SystemExit as ended:
        app.end_output()
        app.leave_threads_behind(ended.code if isinstance(ended.code, int) else 0)
        gc.freeze()  # what is left is the system's to clear away
        raise


if __name__ == "__main__":
    main()
