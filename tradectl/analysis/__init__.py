"""What came of a run, read from its journal: round trips, equity, statistics, and where the money was
made.

    run_analysis    a journal, or records as they are made -> RunFigures: begin here
    movements       whose position changed by a record       causes          and why
    round_trips     from flat to flat: what each trade of a strategy brought, and why it was made
    trip_figures    what they come to, all together
    equity          equity and drawdown at every mark, days
    benchmark       buy-and-hold                             downsampling    a curve that can be drawn
    attribution     the result by symbol, strategy, side, reason, hour and weekday: always the whole of it
    profit          what an account made, by day, week or month, over all its runs
    statistics      Sharpe and the others, of plain numbers

Money is Decimal and adds up to the last digit; floats live in `statistics` and in what is drawn.
"""
