# Starts the runtime. This file stays tiny: Python compiles a script anew at each start, a module only once.
import _firelight_runtime

_firelight_runtime.main()
