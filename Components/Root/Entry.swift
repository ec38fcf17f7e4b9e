import ABI
import Entente

// Root: the first tenant. It turns the image's table into tenants, and supervises them from then on.

/// Root's only thread: the supervisor.
@c(entente_main)
func ententeMain(_ image: UInt64) {
    // SAFETY: no other thread of root runs.
    unsafe BootTable.address = image
    var supervisor = Supervisor()
    supervisor.run()
}
