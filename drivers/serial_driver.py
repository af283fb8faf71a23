"""What drivers of devices on a serial port have alike: the port is released, and opened again by its name."""

from abc import ABC, abstractmethod

from drivers.base import LinkLost
from drivers.serial_port import SerialPort


class SerialDriver(ABC):
    """A driver with a port, and one line of what is wrong with its link: empty while it stands."""

    _port: SerialPort
    _link_trouble: str

    @abstractmethod
    def open(self) -> None:
        """Open the port, and begin. Raises LinkLost with the reason."""

    def close(self) -> None:
        """Release the port. Never raises."""
        self._port.close()
        self._link_trouble = f"{self._port.path}: not open"

    def reconnect(self) -> bool:
        """Try once to open the port again by its name, and begin anew. True when it is open."""
        try:
            self.open()
        except LinkLost as error:
            self._link_trouble = str(error)
            return False
        return True
