import Entente
import LineLog

// A log of 64 KiB.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var keeper = LineLogServer(capacity: 65536)
    serve(&keeper)
}
