"""The same devices from the other end of the wire, one file each, with the simulator behind them."""
