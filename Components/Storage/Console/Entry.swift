import DiskOrders
import Entente

// The disk control: the host's tool types orders at this component's console while the system runs, and this component
// passes them to the typed portal of the storage component. The storage component thus reads no text, and this one can
// reach nothing but that portal.
//
// It performs one order after the other. Further orders wait in the console's queue.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var console = OrderConsole()
    while true {
        console.performOrders()
        _ = Events.wait()
    }
}
