import ABI
import Entente

// Root is the first tenant. It executes the plan of the system, and supervises the tenants from then on.

/// Runs the supervisor on root's only thread. The last four words are the board's seed.
@c(entente_main)
func ententeMain(_ image: UInt64, _: UInt64, _ seed0: UInt64, _ seed1: UInt64, _ seed2: UInt64, _ seed3: UInt64) {
    // SAFETY: no other thread of root runs.
    unsafe BootPlan.address = image
    unsafe BootPlan.seed = [seed0, seed1, seed2, seed3]
    var supervisor = Supervisor()
    supervisor.run()
}
