import Entente

// Maps pages of files into the spaces of its clients, as their fault portal. There are fewer frames than pages, so
// the page that has been mapped longest makes room. The pager refuses any other fault; the client then stops, and its
// supervisor learns of the fault.
//
// A client waits for this pager alone, on the client's own time. A pager that was restarted has mapped no page, and
// its clients fault again.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var cache = FrameCache()
    serveFaults(&cache)
}
