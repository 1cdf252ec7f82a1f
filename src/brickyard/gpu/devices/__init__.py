"""What has memory to lease, behind one promise: `cpu`, `cuda` and `simulated` keep it.

The promise is in `device`. `cuda` is imported by whoever looks for cards, since it loads NVIDIA's bindings.
"""

from brickyard.gpu.devices.cpu import CpuDevice
from brickyard.gpu.devices.device import MIB, Device, Usage, used_without_lease_mib
from brickyard.gpu.devices.simulated import SimulatedDevice

__all__ = ["MIB", "CpuDevice", "Device", "SimulatedDevice", "Usage", "used_without_lease_mib"]
