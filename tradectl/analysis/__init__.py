"""What came of a run, read from its journal: round trips, equity, statistics, and where the money was
made.

    run_analysis    a journal, or records as they are made -> RunAnalysis: begin here
    round_trips     from flat to flat: what each trade of a strategy brought, and why it was made
    equity          equity and drawdown at every mark, days, a curve short enough to be drawn
    attribution     the result by symbol, strategy, side, reason, hour and weekday: always the whole of it
    statistics      Sharpe and the others, of plain numbers

Money is Decimal and adds up to the last digit; floats live in `statistics` and in what is drawn.
"""
