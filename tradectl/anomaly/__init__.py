"""What is unlike before: pure detectors on streams of figures. They watch, and decide nothing."""
