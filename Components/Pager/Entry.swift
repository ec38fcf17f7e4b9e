import Entente

// Pages files of the image into the spaces of its clients: it is their fault portal. There are fewer frames than pages; the
// longest-mapped one makes room. A fault of any other kind is refused: the client stops, and its supervisor hears of it.
//
// A client waits for nobody but this pager, on its own time; the kernel does not wait at all. A pager that was restarted begins with
// nothing mapped, and its clients fault again.

@c(entente_main)
func ententeMain(_ argument: UInt64) {
    var cache = FrameCache()
    serveFaults(&cache)
}
