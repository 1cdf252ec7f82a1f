"""A supervisor of one sleeping child, in a process that can be killed: `python -m … FOLDER`; says the child's pid."""

import os
import sys
import time
from pathlib import Path

from brickyard.kit.processes import Child, Supervisor

SLEEPER = "from brickyard.kit.processes import end_with_parent; import time; end_with_parent(); time.sleep(600)"

if __name__ == "__main__":
    supervisor = Supervisor(Path(sys.argv[1]), dict(os.environ))
    supervisor.start([Child("sleeper", [sys.executable, "-c", SLEEPER], ready=lambda: True)])
    sys.stdout.write(f"{supervisor.pids()['sleeper']}\n")
    sys.stdout.flush()
    time.sleep(600)
