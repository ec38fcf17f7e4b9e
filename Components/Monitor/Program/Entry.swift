import Entente
import MachineMonitor

@c(entente_main)
func ententeMain(_ argument: UInt64) { Monitor.start { $0.serve() } }

@c(entente_thread_main)
func ententeThreadMain(_ core: UInt64) { Monitor.further.serve() }
