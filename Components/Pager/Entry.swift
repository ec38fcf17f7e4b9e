import Entente

// Maps pages of files into the spaces of its clients, whose fault portal it is. There are fewer frames than pages, so
// that the page which has been mapped longest makes room. The pager refuses any other fault: the client stops, and its
// supervisor hears of it.
//
// A client waits for this pager alone, on the client's own time. A pager that was restarted has mapped nothing, and its
// clients fault again.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var cache = FrameCache()
    serveFaults(&cache)
}
