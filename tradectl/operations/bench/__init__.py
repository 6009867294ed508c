"""What the program promises, measured on this machine.

promises     which measurements there are, in the order in which they are shown: begin here
table        a row: a figure, what it is compared with, what was promised, and the verdict
bench        what a measurement needs: trades, the program as its user starts it, rounds and medians
bus_speed whole_process latency state_and_alerts replay_speed recovery start_up memory processor
risk_check growth component      a measurement each
"""
